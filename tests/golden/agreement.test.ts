/** Agreement, error rates, reliability and corrected rates against scikit-learn, statsmodels and krippendorff; the numbers are from agreement.py. */
import { describe, expect, test } from 'vitest';
import type { Label } from '$lib/conscience/judge';
import { cohenKappa, krippendorffAlpha } from '$lib/evaluation/agreement';
import { correctedRate } from '$lib/evaluation/correctedRate';
import { proportion } from '$lib/evaluation/proportion';
import { reliabilityOf } from '$lib/evaluation/reliability';
import golden from './agreement.json';

/** Both sides count in 64 bits. */
const DIGITS = 10;
/** A t quantile is known to so many. */
const T_DIGITS = 6;

test.each(golden.kappa)('κ is $kappa, with its error', ({ first, second, kappa, se }) => {
	const found = cohenKappa(first.map((label, i) => ({ cluster: `${i}`, first: label as Label, second: second[i] as Label })))!;
	expect(found.mean).toBeCloseTo(kappa, DIGITS);
	expect(found.se).toBeCloseTo(se, DIGITS);
});

describe.each(golden.alpha)('α of $units.length answers', ({ units, nominal, ordinal }) => {
	test.each([
		['nominal', nominal],
		['ordinal', ordinal],
	] as const)('%s', (scale, expected) => {
		const found = krippendorffAlpha(units as { cluster: string; labels: Label[] }[], scale)!;
		expect(found.mean).toBeCloseTo(expected.alpha, DIGITS);
		expect(found.se).toBeCloseTo(expected.se, DIGITS);
		expect(found.clusters).toBe(expected.clusters);
	});
});

test.each(golden.wilson)('Wilson, $count of $of', ({ count, of, ci }) => {
	const found = proportion(count, of);
	expect(found.share).toBe(count / of);
	ci.forEach((end, i) => expect(found.ci![i]).toBeCloseTo(end, DIGITS));
});

test.each(golden.reliability)('reliability of $probability.length forecasts', ({ probability, true: isTrue, mean, observed, ece }) => {
	const found = reliabilityOf(probability.map((p, i) => ({ cluster: `${i}`, probability: p, isTrue: isTrue[i]! })));
	expect(found.bins).toHaveLength(mean.length);
	found.bins.forEach((bin, i) => {
		expect(bin.probability).toBeCloseTo(mean[i]!, DIGITS);
		expect(bin.observed.share).toBeCloseTo(observed[i]!, DIGITS);
	});
	expect(found.ece).toBeCloseTo(ece, DIGITS);
});

test.each(golden.corrected)('$flagged of $n flagged, by a judge with known errors', (given) => {
	const flags = Array.from({ length: given.n }, (_, i) => ({ cluster: `${i}`, value: Number(i < given.flagged) }));
	const found = correctedRate(flags, {
		sensitivity: proportion(given.truePositives, given.positives),
		specificity: proportion(given.trueNegatives, given.negatives),
	})!;
	expect(found.reported).toBeCloseTo(given.flagged / given.n, DIGITS);
	expect(found.corrected).toBeCloseTo(given.corrected, DIGITS);
	given.ci.forEach((end, i) => expect(found.ci[i]).toBeCloseTo(end, T_DIGITS));
});
