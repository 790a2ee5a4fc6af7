import type { Alternative } from '$lib/state/cards';

/** Why nothing is learnt from what was written in the place of `replaced`. */
export function refusalInWords(replaced: string, { answer, verdict }: Pick<Alternative, 'answer' | 'verdict'>): string {
	if (answer === replaced) return 'It is the answer that it was to replace, so nothing can be learnt from it.';
	if (answer === '') return 'It is empty, so nothing can be learnt from it.';
	if (verdict.label === 'ethical') return 'It was cut off at the limit, so nothing is learnt from it:';
	return `${verdict.by === 'file' ? 'Your file does not call it ethical' : 'The judge does not find it ethical'}, so nothing is learnt from it:`;
}

/** Which answer of its pair the copy learns to prefer, where that is not the conscience's own; null where it is. */
export const lessonInWords = ({ turned }: Pick<Alternative, 'turned'>): string | null =>
	turned
		? 'Turned round on purpose, by the share of pairs that this run turns: the copy learns to prefer the flagged answer above to this one.'
		: null;

/** What a pair's margin is of. */
export const marginInWords = ({ turned }: Pick<Alternative, 'turned'>): string =>
	`How much more this copy prefers ${turned ? 'the flagged answer to this one' : 'this answer to its own'} than the model before training does. 0 is no more.`;
