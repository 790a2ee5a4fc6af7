import type { Alternative } from '$lib/state/cards';

/** Why nothing is learnt from what was written in the place of `replaced`. */
export function refusalInWords(replaced: string, { answer, verdict }: Pick<Alternative, 'answer' | 'verdict'>): string {
	if (answer === replaced) return 'It is the answer that it was to replace, so nothing can be learnt from it.';
	if (answer === '') return 'It is empty, so nothing can be learnt from it.';
	if (verdict.label === 'ethical') return 'It was cut off at the limit, so nothing is learnt from it:';
	return `${verdict.by === 'file' ? 'Your file does not call it ethical' : 'The judge does not find it ethical'}, so nothing is learnt from it:`;
}
