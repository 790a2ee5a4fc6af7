import fc from 'fast-check';
import { expect, test } from 'vitest';

import { blockColumns, bucketRows, SCORE_BYTES, scoreRows } from '$lib/model/batch';

test('packed rows of whatever lengths come in few sizes, of which little is filled up', () => {
	const sizes = new Set(Array.from({ length: 2 ** 16 }, (_, i) => bucketRows(i + 1)));
	expect(sizes.size).toBeLessThanOrEqual(8 + 8 * 7); // multiples of 64 up to 512, then eight between each two powers of two
	fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 20 }), (rows) => bucketRows(rows) >= rows && bucketRows(rows) < rows * 1.125 + 64));
});

test('scores are cut into equal chunks, none above the most', () => {
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 4096 }), fc.integer({ min: 1, max: 300_000 }), (rows, V) => {
			const size = scoreRows(rows, V);
			expect(rows % size).toBe(0);
			expect(size === 1 || 4 * size * V <= SCORE_BYTES).toBe(true);
		}),
	);
});

test('a product’s blocks of columns are cut where four 8-bit integers end', () => {
	fc.assert(fc.property(fc.integer({ min: 1, max: 300_000 }), (rows) => blockColumns(rows) % 8 === 0 && blockColumns(rows) >= 64));
});
