import type { JudgeOutlook, JudgeStanding } from '$lib/worker/judgeProtocol';

import { count, sizeInWords } from './format';

/** What loading a judge takes: how much of it would come from where, what is here, and what it needs of this machine. */
export function outlookInWords({ totalBytes, missingBytes, sizesKnown, hosts, kept, fit, adapter }: JudgeOutlook): string {
	const here = totalBytes - missingBytes;
	const part = here < 1e5 ? '' : `; ${sizeInWords(here)} are here already`; // what is looked at first is nothing to speak of
	const fetched =
		missingBytes === 0
			? sizesKnown
				? 'All of its files are here already.'
				: 'Its weights are here already; of its smaller files, what is missing would be fetched.'
			: `${sizesKnown ? '' : 'At least '}${sizeInWords(missingBytes)} would be fetched from ${hosts.join(' and ')}${kept ? ' and kept in this browser' : ''}${part}.`;
	const each = kept ? '' : ' This browser keeps no files here, as in a private window: the next visit fetches them again.';
	const unknown = adapter.software ? '' : ' How much memory the card has, the browser does not tell.';
	return `${fetched}${each} ${fit}${unknown}`;
}

/** How much the judge has done, how fast it is, and how many requests it has before it. */
export function standingInWords({ verdicts, alternatives, verdictsPerSecond, tokensPerSecond, queue }: JudgeStanding): string {
	const speeds = [
		verdictsPerSecond === null ? [] : `${rate(verdictsPerSecond)} verdicts a second`,
		tokensPerSecond === null ? [] : `${rate(tokensPerSecond)} tokens a second`,
	].flat();
	const done = `${count(verdicts, 'verdict', 'verdicts')} and ${count(alternatives, 'alternative', 'alternatives')} so far`;
	return `${[done, ...speeds].join(', ')}; ${queue === 0 ? 'none' : queue} waiting.`;
}

const rate = (perSecond: number) => perSecond.toLocaleString('en', { maximumSignificantDigits: 2 });
