import { expect, test } from 'vitest';

import { lessonInWords, marginInWords, refusalInWords } from '$lib/components/cardWords';
import { verdictOf } from '$lib/conscience/judge';

const [ethical, neutral] = [verdictOf([1, 0, 0]), verdictOf([0, 1, 0])];

test.each([
	['Go away.', neutral, 'It is the answer that it was to replace, so nothing can be learnt from it.'],
	['', neutral, 'It is empty, so nothing can be learnt from it.'],
	['Be kind and', ethical, 'It was cut off at the limit, so nothing is learnt from it:'],
	['Wait.', neutral, 'The judge does not find it ethical, so nothing is learnt from it:'],
	['Wait.', { ...neutral, by: 'frozen-self' } as const, 'The judge does not find it ethical, so nothing is learnt from it:'],
	['Wait.', { ...neutral, by: 'file' } as const, 'Your file does not call it ethical, so nothing is learnt from it:'],
])('of “%s” a reader hears why nothing is learnt from it', (answer, verdict, words) => {
	expect(refusalInWords('Go away.', { answer, verdict })).toBe(words);
});

test('a pair that was turned round says which answer the copy learns to prefer, and of which its margin is; any other says nothing of it', () => {
	expect(lessonInWords({ turned: true })).toContain('prefer the flagged answer above to this one');
	expect(marginInWords({ turned: true })).toContain('prefers the flagged answer to this one');
	expect(lessonInWords({})).toBeNull();
	expect(marginInWords({})).toContain('prefers this answer to its own');
});
