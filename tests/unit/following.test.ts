import fc from 'fast-check';
import { expect, test } from 'vitest';

import { following, sameBeginning, tally } from '$lib/state/following';

test('two lists are compared from their beginning', () => {
	expect(sameBeginning([1, 2, 3], [1, 2, 4, 5])).toBe(2);
	expect(sameBeginning([1], [1])).toBe(1);
	expect(sameBeginning([], [1])).toBe(0);
});

const list = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
const even = (n: number) => (n % 2 === 0 ? n : null);

test('whatever changes between two times, a list that is followed is what it would be if it were made anew', () => {
	fc.assert(
		fc.property(fc.array(list, { maxLength: 8 }), (times) => {
			const followed = following(even);
			const summed = tally((items: readonly number[]) => ({ even: items.filter((n) => n % 2 === 0).length, all: items.length }));
			for (const items of times) {
				expect(followed(items)).toEqual(items.filter((n) => n % 2 === 0));
				expect(summed(items)).toEqual({ even: items.filter((n) => n % 2 === 0).length, all: items.length });
			}
		}),
	);
});

test('of a list that grows or is replaced at its end, only the end is worked on', () => {
	const seen: number[] = [];
	const followed = following((n: number) => (seen.push(n), even(n)));
	const first = followed([0, 1, 2]);
	const grown = followed([0, 1, 2, 3]); // to which nothing came that is kept
	expect(grown).toBe(first);
	expect(followed([0, 1, 4, 6])).toEqual([0, 4, 6]);
	expect(first).toEqual([0, 2]); // what was given away is left as it was
	expect(seen).toEqual([0, 1, 2, 3, 4, 6]);
});
