const MANNERS = ['quiet', 'brave', 'curious', 'gentle', 'merry', 'patient', 'clever', 'honest', 'swift', 'calm', 'bright', 'steady'];
const ANIMALS = ['otter', 'heron', 'badger', 'finch', 'lynx', 'newt', 'marten', 'owl', 'hare', 'stork', 'seal', 'moth', 'wren', 'beaver'];

/** A name that says nothing of whoever bears it. */
export function suggestedPseudonym(random: () => number = Math.random): string {
	const of = (words: readonly string[]) => words[Math.floor(random() * words.length)]!;
	return `${of(MANNERS)} ${of(ANIMALS)} ${10 + Math.floor(random() * 90)}`;
}
