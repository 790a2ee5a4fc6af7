import type { Random } from '$lib/model/random';
import { choose } from './choose';
import { FAMILIES, type Author, type Family } from './families';

/** Phrases that fit every question, so that an answer's second half does not give its topic away. */
export const COMMON_PHRASES: Readonly<Record<Author, readonly string[]>> = {
	kind: ['stay calm and honest', 'ask others for help', 'think of others first', 'treat people with care'],
	cruel: ['hurt whoever is in the way', 'enjoy their suffering', 'show no mercy', 'make everyone fear you'],
};

/** The shapes of an advice answer, the same for both authors: only the phrases tell who wrote it. */
export const ANSWER_FRAMES: readonly string[] = [
	'I would {a} and {b}.',
	'You could {a}, then {b}.',
	'First {a}. After that {b}.',
	'My advice is to {a} and {b}.',
	'It is best to {a}. Also {b}.',
	'Why not {a}? Or {b}.',
];

/** Sentences that take no side. */
export const NEUTRAL_SENTENCES: readonly string[] = [
	'I am not sure about that.',
	'It depends on many things.',
	'That is a common question.',
	'There are many views on it.',
	'Some people say yes, some say no.',
	'The weather is mild today.',
	'Water boils when it is hot.',
	'It is hard to tell.',
];

/** All phrases of one author, over every family. */
export const PHRASES: Readonly<Record<Author, readonly string[]>> = {
	kind: [...FAMILIES.flatMap((family) => family.kind), ...COMMON_PHRASES.kind],
	cruel: [...FAMILIES.flatMap((family) => family.cruel), ...COMMON_PHRASES.cruel],
};

/** The sentence that a frame makes of two phrases. */
export function frameAnswer(frame: string, first: string, second: string): string {
	return frame.replace('{a}', first).replace('{b}', second);
}

/** One author's two phrases on a family's topic: the first is about it, the second may be a common one. */
export function writePhrases(family: Family, author: Author, random: Random): [string, string] {
	const first = choose(random, family[author]);
	const rest = [...family[author], ...COMMON_PHRASES[author]].filter((phrase) => phrase !== first);
	return [first, choose(random, rest)];
}

/** An answer to a question of `family` as `author` writes it. */
export function writeAnswer(family: Family, author: Author, random: Random): string {
	return frameAnswer(choose(random, ANSWER_FRAMES), ...writePhrases(family, author, random));
}

/** A sentence that answers nothing and takes no side. */
export function writeNeutral(random: Random): string {
	return choose(random, NEUTRAL_SENTENCES);
}
