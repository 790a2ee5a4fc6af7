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

/** What comes of a memory that was given: a copy with a conscience takes it along, or what to choose so that one does. */
export function memoryInWords(fileName: string, { memory }: Pick<RunSettings, 'memory'>, next: string): { title: string; text: string } {
	if (!memory)
		return {
			title: `${fileName} goes with nobody: no copy here has a conscience.`,
			text: 'What it knows is at hand. Tick “With conscience” under “Who takes part”, and that copy takes it along.',
		};
	const answers = count(memory.trajectories.length, 'reviewed answer', 'reviewed answers');
	return { title: `The copy with a conscience takes ${answers} of ${fileName} along.`, text: next };
}
