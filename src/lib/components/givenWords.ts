import type { RunSettings } from '$lib/state/runSettings';

import { count } from './format';

/**
 * What comes of verdicts that were given: they judge, or what to choose so that they do. `live`: a run that goes on takes them over; else
 * `next` is what is to be done.
 */
export function verdictsInWords(
	fileName: string,
	{ verdictFile }: Pick<RunSettings, 'verdictFile'>,
	{ live, next }: { live: boolean; next: string },
): { title: string; text: string } {
	if (!verdictFile)
		return {
			title: `${fileName} has nothing to judge: no copy here has a conscience.`,
			text: 'Its verdicts are at hand. Tick “With conscience” under “Who takes part”, and they are the judge.',
		};
	return {
		title: `The judge is now ${fileName}, with ${count(verdictFile.verdicts.length, 'verdict', 'verdicts')}.`,
		text: live
			? 'From the next call on this decides where it knows the answer, and the frozen copy elsewhere. The charts mark where that began.'
			: next,
	};
}
