import type { TokenCount } from '$lib/conscience/judge';

import type { JudgeItem, JudgeStanding } from './judgeProtocol';

/** What a request cost. */
interface Measured {
	kind: JudgeItem['kind'];
	tokens: number;
	seconds: number;
}

/** How much was asked of a judge, and the last requests. */
export interface JudgeMeter {
	verdicts: number;
	alternatives: number;
	last: readonly Measured[];
}

/** Requests by which the speed is measured. */
const MEASURED = 32;

export const newMeter = (): JudgeMeter => ({ verdicts: 0, alternatives: 0, last: [] });

/** With one more request, which took so many seconds of the judge's own time. */
export function measured(
	{ verdicts, alternatives, last }: JudgeMeter,
	kind: JudgeItem['kind'],
	{ read, written }: TokenCount,
	seconds: number,
): JudgeMeter {
	return {
		verdicts: verdicts + (kind === 'verdict' ? 1 : 0),
		alternatives: alternatives + (kind === 'alternative' ? 1 : 0),
		last: [...last.slice(1 - MEASURED), { kind, tokens: read + written, seconds }],
	};
}

/** What the page shows of it. Time in which nobody asked does not count. */
export function speedOf({ verdicts, alternatives, last }: JudgeMeter): Omit<JudgeStanding, 'queue'> {
	const judged = last.filter(({ kind }) => kind === 'verdict');
	const rate = (amount: number, of: readonly Measured[]) =>
		of.length > 0 ? amount / of.reduce((sum, { seconds }) => sum + seconds, 0) : null;
	return {
		verdicts,
		alternatives,
		verdictsPerSecond: rate(judged.length, judged),
		tokensPerSecond: rate(
			last.reduce((sum, { tokens }) => sum + tokens, 0),
			last,
		),
	};
}
