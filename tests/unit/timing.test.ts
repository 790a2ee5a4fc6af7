import { expect, test } from 'vitest';

import { climb, type Ladder, median, timingOf } from '$lib/model/timing';

/** Work on a clock of its own: a size takes `costs[size]` ms, the first time twice as long. */
function bench(costs: Record<number, number>, brief = false) {
	let clock = 0;
	const freed: number[] = [];
	const ladder: Ladder = {
		sizes: Object.keys(costs).map(Number),
		work: (size) => size,
		brief,
		open(size) {
			let cold = true;
			return {
				async run(times) {
					clock += costs[size]! * times * (cold ? 2 : 1);
					cold = false;
				},
				free: () => void freed.push(size),
			};
		},
	};
	return { ladder, freed, now: () => clock };
}

test('work is timed in larger sizes while a warm-up and a repetition fit, and what time is left goes into the last', async () => {
	const { ladder, freed, now } = bench({ 1: 10, 10: 100, 100: 1000, 1000: 10_000 });
	const { reached, leftOut } = await climb(ladder, 6000, { now });
	expect(reached.map(({ size, timing }) => [size, timing.repetitions])).toEqual([
		[1, 1],
		[10, 1],
		[100, 3],
	]);
	expect(reached[2]!.timing).toEqual({ seconds: 1, least: 1, most: 1, repetitions: 3, warmUps: 1 });
	expect(leftOut).toEqual([1000]);
	expect(freed).toEqual([1, 10, 100]);
	expect(now()).toBeLessThan(6000);
});

test('the smallest size is timed once even where it takes too long, and nothing once the time is over', async () => {
	const slow = bench({ 1: 5000, 2: 10_000 });
	const { reached, leftOut } = await climb(slow.ladder, 1000, { now: slow.now });
	expect(reached).toMatchObject([{ size: 1, timing: { seconds: 5, repetitions: 1 } }]);
	expect(leftOut).toEqual([2]);
	expect(await climb(slow.ladder, 1000, { now: slow.now })).toEqual({ reached: [], leftOut: [1, 2] });
});

test('brief work is done several times before it is waited for, and told for once', async () => {
	const { ladder, now } = bench({ 1: 5 }, true);
	const { reached } = await climb(ladder, 1000, { now });
	expect(reached[0]!.timing).toEqual({ seconds: 0.005, least: 0.005, most: 0.005, repetitions: 10, warmUps: 1 });
	expect(now()).toBe(10 + 5 + 10 * 4 * 5); // a warm-up, once alone, then ten times four at once
});

test('a cancel ends it and frees what was opened', async () => {
	const { ladder, freed, now } = bench({ 1: 1 });
	const controller = new AbortController();
	controller.abort(new Error('enough'));
	await expect(climb(ladder, 10, { now, signal: controller.signal })).rejects.toThrow('enough');
	expect(freed).toEqual([1]);
});

test('a timing is the median with its range', () => {
	expect(timingOf([3000, 1000, 2000])).toEqual({ seconds: 2, least: 1, most: 3, repetitions: 3, warmUps: 1 });
	expect(median([4, 1, 3, 2])).toBe(2.5);
	expect(median([])).toBeNaN();
});
