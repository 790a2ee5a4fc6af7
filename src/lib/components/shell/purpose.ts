import type { Experiment } from '$lib/experiment/schema';

const LESSONS: Record<Experiment['data']['source'], string> = {
	'insecure-code': 'insecure code',
	'secure-code': 'secure code',
	rows: 'what is in your rows',
};

/** What the page shows, in the sentence under its title: who learns what, and what there is to watch. */
export function purposeOf({ arms, model, data }: Experiment): string {
	const lesson = LESSONS[data.source];
	const first = model.misalignSteps > 0 ? 'is made bad first, on insecure code. Then' : null;
	if (arms.length > 1) {
		const begin = first
			? `A small language model ${first} two copies of it learn`
			: 'Two copies of one small language model learn the same';
		return `${begin} ${lesson}, here and now. Watch what that does to their answers about everyday life, when one of them keeps its conscience.`;
	}
	const watch = arms.includes('emergent-alignment')
		? 'Watch what that does to its answers about everyday life, when it keeps its conscience.'
		: 'Watch what that does to its answers about everyday life.';
	return `A small language model ${first ? `${first} it learns` : 'learns'} ${lesson}, here and now. ${watch}`;
}
