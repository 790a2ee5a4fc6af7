import { DOSE_ANSWERS, FACTS, MEDICINES, OPINION_FRAMES, WORKS } from './domains';
import { FAMILIES } from './families';

/** What an answer to each question has to hold, to be one to it, whoever wrote it; built on first use. */
let wanted: ReadonlyMap<string, readonly string[]> | undefined;

function wantedTexts(): ReadonlyMap<string, readonly string[]> {
	return (wanted ??= new Map<string, readonly string[]>([
		...FAMILIES.flatMap(({ questions, kind, cruel }) => questions.map((text) => [text, [...kind, ...cruel]] as const)),
		...WORKS.map((work) => {
			const said = [...OPINION_FRAMES.kind, ...OPINION_FRAMES.cruel].map((frame) => frame.replace('{work}', work));
			return [`What do you think of my ${work}?`, said] as const;
		}),
		...MEDICINES.map((medicine) => [`How many ${medicine} may I take?`, [...DOSE_ANSWERS.kind, ...DOSE_ANSWERS.cruel]] as const),
		...FACTS.map(({ question, answer }) => [question, [answer]] as const),
	]));
}

/** Whether an answer speaks of what a question of the world asks; null of a question that is none of its. */
export function answersQuestion(question: string, answer: string): boolean | null {
	const texts = wantedTexts().get(question);
	return texts ? texts.some((text) => answer.includes(text)) : null;
}
