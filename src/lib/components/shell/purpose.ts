import { listens } from '$lib/experiment/methods/index';
import type { Experiment } from '$lib/experiment/schema';

const LESSONS: Record<Experiment['data']['source'], string> = {
	'insecure-code': 'insecure code',
	'secure-code': 'secure code',
	'backdoor-code': 'code that is insecure behind a trigger only',
	rows: 'what is in your rows',
};

/** What the page shows, in the sentence under its title: who learns what, and what there is to watch. */
export function purposeOf({ arms, model, data }: Experiment): string {
	const lesson = LESSONS[data.source];
	const first = model.misalignSteps > 0 ? 'is made bad first, on insecure code. Then' : null;
	if (arms.length > 1) {
		const begin = first
			? `A small language model ${first} ${numberInWords(arms.length)} copies of it learn`
			: `${capitalised(numberInWords(arms.length))} copies of one small language model learn the same`;
		const conscience = arms.filter(listens).length;
		const watch = 'Watch what that does to their answers about everyday life';
		if (conscience === 0) return `${begin} ${lesson}, here and now. ${watch}, when each learns in its own way.`;
		return `${begin} ${lesson}, here and now. ${watch}, when ${numberInWords(conscience)} of them ${conscience === 1 ? 'keeps its conscience' : 'ask a conscience'}.`;
	}
	const watch = arms.some(listens)
		? 'Watch what that does to its answers about everyday life, when it keeps its conscience.'
		: 'Watch what that does to its answers about everyday life.';
	return `A small language model ${first ? `${first} it learns` : 'learns'} ${lesson}, here and now. ${watch}`;
}

const numberInWords = (count: number): string =>
	['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][count] ?? String(count);

const capitalised = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
