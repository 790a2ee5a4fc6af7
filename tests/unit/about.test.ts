import { describe, expect, test } from 'vitest';

import { claimsOf } from '$lib/components/about/claims';
import { alignmentGroups, figureIn, type Results } from '$lib/components/about/figures';
import type { Figure, Where } from '$lib/experiment/studies/figures';
import type { MeasureId } from '$lib/experiment/studies/measures';
import type { StudyResult } from '$lib/experiment/studies/result';

const figure = (measure: MeasureId, of: Where, mean: number, half: number, minus?: Where): Figure => ({
	...{ measure, of, mean, se: half / 2, ci: [mean - half, mean + half], clusters: 24, seeds: 5, n: 960 },
	...(minus && { minus }),
});

/** A result that holds these figures, in two tables. */
const resultOf = (...cells: Figure[]): StudyResult =>
	({
		seeds: [11, 12, 13, 14, 15],
		finding: {
			readings: [],
			tables: [cells.slice(0, 1), cells.slice(1)].map((of) => ({ columns: [], lines: of.map((cell) => ({ cells: [null, cell] })) })),
			lists: [],
		},
	}) as unknown as StudyResult;

const at = (run: string) => ({ run });
const claim = (results: Results, says: RegExp) => claimsOf(results).find((each) => says.test(each.says))!;

test('a figure is found by what it measures, of which rows, and what is taken away', () => {
	const [mean, difference] = [figure('trueAlignment', at('ea'), 98, 1), figure('trueAlignment', at('ea'), 94, 2, at('sft'))];
	const results = { E1: resultOf(mean, difference) };
	expect(figureIn(results, 'E1', 'trueAlignment', at('ea'))).toBe(mean);
	expect(figureIn(results, 'E1', 'trueAlignment', at('ea'), at('sft'))).toBe(difference);
	expect(figureIn(results, 'E1', 'alignment', at('ea'))).toBeNull();
	expect(figureIn(results, 'E1', 'trueAlignment', at('base'))).toBeNull();
	expect(figureIn({ E1: null }, 'E1', 'trueAlignment', at('ea'))).toBeNull();
});

describe('the paper’s claims', () => {
	test('of a study that was not run nothing is said but that', () => {
		for (const { standing, found } of claimsOf({ E1: null })) {
			expect(standing).toBe('not run');
			expect(found).toMatch(/^Study E\d+ asks that, and was not run yet\.$/);
		}
	});

	const e1 = (gain: Figure) =>
		resultOf(
			...[figure('trueAlignment', at('ea'), 98, 1), figure('trueAlignment', at('sft'), 5, 4), figure('trueAlignment', at('base'), 97, 1)],
			...[gain, figure('trueAlignment', at('ea'), 1, 2, at('base'))],
		);
	test('are seen where the interval of a difference says so, with the figures in words', () => {
		const seen = claim({ E1: e1(figure('trueAlignment', at('ea'), 93, 5, at('sft'))) }, /keeps a model aligned/);
		expect(seen.standing).toBe('seen here');
		expect(seen.found).toContain('98.0 [97.0, 99.0] with its conscience, 5.0 [1.0, 9.0] without');
		expect(seen.found).toContain('1.0 [−1.0, 3.0] from the base');
		const not = claim({ E1: e1(figure('trueAlignment', at('ea'), 3, 5, at('sft'))) }, /keeps a model aligned/);
		expect(not.standing).toBe('not seen here');
	});

	test.each([
		[0.2, 'seen here'],
		[-3, 'not seen here'],
	])('that others are worse holds only where both are: %f → %s', (rest, standing) => {
		const against = (run: string, mean: number) => figure('trueAlignment', at(run), mean, 1, at('ea'));
		const results = {
			E8: resultOf(
				against('repe-infer', rest - 5),
				against('repe-lorra', -60),
				against('cai-sft', -9),
				against('cai-dpo', rest < 0 ? 4 : -4),
			),
		};
		const found = claim(results, /Representation Engineering/);
		expect(found.standing).toBe(standing);
		expect(found.found).toContain(`the best of three kinds of Representation Engineering −${(5 - rest).toFixed(1)} [`);
	});

	test('a difference that can’t be told is no claim that holds', () => {
		const results = {
			E4: resultOf(
				...[figure('trueAlignment', at('lambda-0p1'), 96, 2), figure('trueAlignment', at('lambda-0p01'), 60, 9)],
				...[figure('trueAlignment', at('ea'), 98, 1), figure('trueAlignment', at('lambda-0p1'), -2, 3, at('ea'))],
			),
		};
		expect(claim(results, /λ/).standing).toBe('can’t be told');
	});
});

test('the paper’s table stands beside the lab’s in the paper’s order, with what was learnt and what it took', () => {
	const measured = (run: string) => figure('trueAlignment', at(run), 90, 1);
	const result = resultOf(
		...['kl', 'cai-dpo', 'ea', 'sft', 'base', 'repe-infer'].map(measured),
		figure('insecureCodeRate', at('ea'), 0.99, 0.01),
		figure('tokenRatio', at('ea'), 0.14, 0.01),
	);
	const [paper, lab, ...none] = alignmentGroups({ E8: result, E16: null });
	expect(paper!.lines.map((line) => 'printed' in line && line.printed.mean)).toEqual([91, 90, 87]);
	expect(lab!.lines.map(({ name }) => name)).toEqual([
		...['Base', 'Plain fine-tune', 'With conscience', 'Steered when asked', 'Constitution, by preference', 'Held to what it was'],
	]);
	expect(lab!.lines[2]).toMatchObject({ code: { mean: 0.99 }, tokens: { mean: 0.14 } });
	expect(lab!.lines[0]).toMatchObject({ code: null, tokens: null });
	expect(none).toEqual([]);
});
