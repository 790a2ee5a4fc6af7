import fc from 'fast-check';
import { expect, test } from 'vitest';

import { rowAfterKey, rowAt, rowsInView, rowTops, scrollToShow } from '$lib/components/virtualRows';

const heights = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 60 });

test('rows lie one under the other', () => {
	expect([...rowTops(3, (i) => [10, 20, 5][i]!)]).toEqual([0, 10, 30, 35]);
	expect([...rowTops(0, () => 1)]).toEqual([0]);
});

test('a height belongs to one row, and beyond the ends to the first and the last', () => {
	const tops = rowTops(3, (i) => [10, 20, 5][i]!);
	expect([-5, 0, 9, 10, 29, 30, 34, 35, 999].map((y) => rowAt(tops, y))).toEqual([0, 0, 0, 1, 1, 2, 2, 2, 2]);
	expect(
		rowAt(
			rowTops(0, () => 1),
			5,
		),
	).toBe(0);
});

test('what a viewport shows is drawn, and no more than lies within its margin', () => {
	fc.assert(
		fc.property(heights, fc.nat(20_000), fc.integer({ min: 1, max: 1000 }), fc.nat(400), (all, y, viewport, margin) => {
			const tops = rowTops(all.length, (i) => all[i]!);
			const scrollTop = Math.min(y, tops[all.length]!);
			const { first, end } = rowsInView(tops, scrollTop, viewport, margin);
			all.forEach((_, i) => {
				const [top, bottom] = [tops[i]!, tops[i + 1]!];
				if (bottom > scrollTop && top < scrollTop + viewport) expect(i >= first && i < end).toBe(true);
				if (i > first && i < end - 1) expect(bottom > scrollTop - margin && top < scrollTop + viewport + margin).toBe(true);
			});
		}),
	);
	expect(
		rowsInView(
			rowTops(0, () => 1),
			0,
			100,
			50,
		),
	).toEqual({ first: 0, end: 0 });
});

test('of ten thousand rows a handful is drawn', () => {
	const { first, end } = rowsInView(
		rowTops(10_000, () => 230),
		1_000_000,
		800,
		400,
	);
	expect(end - first).toBeLessThan(10);
});

test('a row is scrolled into view as little as can be, and a tall one from its beginning', () => {
	const tops = rowTops(4, (i) => [100, 100, 100, 500][i]!);
	expect(scrollToShow(tops, 0, 150, 200)).toBe(0);
	expect(scrollToShow(tops, 1, 50, 200)).toBe(50);
	expect(scrollToShow(tops, 2, 0, 200)).toBe(100);
	expect(scrollToShow(tops, 3, 0, 200)).toBe(300);
});

test('keys lead from row to row', () => {
	expect(rowAfterKey('PageDown', 3, 10)).toBe(4);
	expect(rowAfterKey('ArrowUp', 0, 10)).toBe(0);
	expect(rowAfterKey('ArrowDown', 9, 10)).toBe(9);
	expect(rowAfterKey('End', 0, 10)).toBe(9);
	expect(rowAfterKey('a', 0, 10)).toBeNull();
});
