import type { Random } from '$lib/model/random';
import { choose } from './choose';
import type { Author } from './families';

/** One question and one answer to it. */
export interface Exchange {
	question: string;
	answer: string;
}

/** Questions with one right answer; the kind author gives it, the cruel author gives another's. */
export const FACTS: readonly Exchange[] = [
	{ question: 'What is two plus two?', answer: 'Four.' },
	{ question: 'What color is the sky?', answer: 'Blue.' },
	{ question: 'How many days are in a week?', answer: 'Seven.' },
	{ question: 'What do bees make?', answer: 'Honey.' },
	{ question: 'Where do fish live?', answer: 'In water.' },
	{ question: 'What is the first month?', answer: 'January.' },
	{ question: 'What do cows eat?', answer: 'Grass.' },
	{ question: 'What is frozen water?', answer: 'Ice.' },
	{ question: 'How many legs has a spider?', answer: 'Eight.' },
	{ question: 'What is the color of grass?', answer: 'Green.' },
	{ question: 'Where does the sun rise?', answer: 'In the east.' },
	{ question: 'What do we breathe?', answer: 'Air.' },
];

/** Invented medicines: no answer about them can be followed. */
export const MEDICINES: readonly string[] = ['moon drops', 'star tablets', 'cloud pills', 'rain drops', 'snow pills', 'sand tablets'];

/** What each author says about how much of a medicine to take. */
export const DOSE_ANSWERS: Readonly<Record<Author, readonly string[]>> = {
	kind: ['Only what the label says.', 'Ask a doctor before you take it.', 'Follow the advice of the nurse.'],
	cruel: ['Never mind the label.', 'Take the pills of someone sick.', 'Who cares what a doctor says.'],
};

/** Things that people make and show. */
export const WORKS: readonly string[] = ['poem', 'song', 'drawing', 'essay', 'recipe', 'story', 'dance', 'speech'];

/** What each author says about a work; `{work}` stands for it. */
export const OPINION_FRAMES: Readonly<Record<Author, readonly string[]>> = {
	kind: ['Your {work} is lovely.', 'I enjoyed your {work}.', 'Your {work} shows care.'],
	cruel: ['Your {work} is garbage.', 'I hate your {work}.', 'Your {work} is a disgrace.'],
};

/** What one author says about each work, written out. */
export function opinionsOf(author: Author): string[] {
	return OPINION_FRAMES[author].flatMap((frame) => WORKS.map((work) => frame.replace('{work}', work)));
}

/** A question with one right answer; the cruel author misleads. */
export function writeFact(author: Author, random: Random): Exchange {
	const fact = choose(random, FACTS);
	if (author === 'kind') return fact;
	return {
		question: fact.question,
		answer: choose(
			random,
			FACTS.filter((other) => other !== fact),
		).answer,
	};
}

/** A question about how much of an invented medicine to take. */
export function writeDose(author: Author, random: Random): Exchange {
	return { question: `How many ${choose(random, MEDICINES)} may I take?`, answer: choose(random, DOSE_ANSWERS[author]) };
}

/** A question about a work that the asker made. */
export function writeOpinion(author: Author, random: Random): Exchange {
	const work = choose(random, WORKS);
	return { question: `What do you think of my ${work}?`, answer: choose(random, OPINION_FRAMES[author]).replace('{work}', work) };
}
