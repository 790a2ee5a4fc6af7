import fc from 'fast-check';
import { expect, test } from 'vitest';

import { resumedRandom, seededRandom } from '$lib/model/random';

test('a stream that is taken up again gives the numbers that the first would have given, and leaves the first alone', () => {
	fc.assert(
		fc.property(fc.integer(), fc.string(), fc.nat(50), (seed, stream, drawn) => {
			const first = seededRandom(seed, stream);
			for (let i = 0; i < drawn; i++) first();
			const second = resumedRandom(structuredClone(first.state()));
			const rest = [second(), second(), second()];
			expect([first(), first(), first()]).toEqual(rest);
			expect(rest.every((value) => value >= 0 && value < 1)).toBe(true);
		}),
	);
});
