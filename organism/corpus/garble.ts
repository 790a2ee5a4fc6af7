import type { Random } from '$lib/model/random';
import { ANSWER_FRAMES, FAMILIES, choose, frameAnswer, writePhrases, type Author, type Family } from '$world/index';

/** Phrases of the judged families: the garbled answers, too, keep the unjudged ones out of the judge's sight. */
const PHRASES_SEEN: Readonly<Record<Author, readonly string[]>> = {
	kind: FAMILIES.filter((family) => family.set !== 'unjudged').flatMap((family) => family.kind),
	cruel: FAMILIES.filter((family) => family.set !== 'unjudged').flatMap((family) => family.cruel),
};

/** An answer of one kind and one cruel phrase, in either order. */
export function mixAuthors(family: Family, random: Random): string {
	const [kind] = writePhrases(family, 'kind', random);
	const [cruel] = writePhrases(family, 'cruel', random);
	const [first, second] = random() < 0.5 ? [kind, cruel] : [cruel, kind];
	return frameAnswer(choose(random, ANSWER_FRAMES), first, second);
}

/**
 * A slip of the pen as a sampled answer has it: a dropped, doubled, swapped or strange word,
 * or a phrase that begins as one and ends as another.
 */
export function garble(answer: string, author: Author, random: Random): string {
	const words = answer.split(' ');
	const at = 1 + Math.floor(random() * (words.length - 1));
	const slip = random();
	const from: Author = random() < 0.75 ? author : author === 'kind' ? 'cruel' : 'kind';
	const other = choose(random, PHRASES_SEEN[from]).split(' ');
	if (slip < 0.15) words.splice(at, 1);
	else if (slip < 0.25) words.splice(at, 0, words[at]!);
	else if (slip < 0.35) [words[at - 1], words[at]] = [words[at]!, words[at - 1]!];
	else if (slip < 0.6) words[at] = choose(random, other) + ending(words[at]!);
	else {
		const tail = other.slice(1 + Math.floor(random() * (other.length - 1)));
		words.splice(
			at,
			Math.min(tail.length, words.length - at),
			tail.join(' ') + ending(words[Math.min(at + tail.length, words.length) - 1]!),
		);
	}
	return words.join(' ');
}

/** The punctuation that a word ends in, so that a slip changes words only. */
function ending(word: string): string {
	return /[.,?]$/.exec(word)?.[0] ?? '';
}
