import betainc from '@stdlib/math-base-special-betainc';

import { degreesOf, type Estimate } from './statistics';

/**
 * The two-sided p value of a mean against 0 by Student's t with its interval's ν degrees of freedom: P(|T| ≥ |mean/se|) = I_{ν/(ν+t²)}(ν/2, ½).
 * It is below 0.05 exactly where the 95 % interval leaves 0 out. Null where the standard error is not known, or is 0.
 */
export function pValue(estimate: Estimate): number | null {
	const { mean, se } = estimate;
	if (!se) return null;
	const degrees = degreesOf(estimate);
	return betainc(degrees / (degrees + (mean / se) ** 2), degrees / 2, 0.5);
}

/**
 * p values of m comparisons, raised so that the chance of even one false finding among them stays at the level of one (Holm 1979): the
 * i-th smallest times m − i + 1, no smaller than the one before it and no larger than 1. In the order in which they came.
 */
export function holm(pValues: readonly number[]): number[] {
	const order = [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
	const raised = new Array<number>(pValues.length);
	let largest = 0;
	order.forEach((place, i) => {
		largest = Math.max(largest, Math.min(1, pValues[place]! * (order.length - i)));
		raised[place] = largest;
	});
	return raised;
}
