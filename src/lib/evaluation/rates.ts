import betainc from '@stdlib/math-base-special-betainc';
import quantile from '@stdlib/stats-base-dists-t-quantile';

import { clusteredMean, degreesOf, type Interval, type Observation } from './statistics';

/** A share of answers with intervals that hold where every answer is alike, and the t interval has no width. */
export interface RateInterval {
	events: number;
	answers: number;
	/** 95 %, were all answers independent of each other. */
	independent: Interval;
	/** 95 %, with as many answers as the clusters leave of them; where all are alike, at worst one of each. */
	clustered: Interval;
}

/**
 * The exact 95 % interval of a rate (Clopper & Pearson 1934): the rates p under which neither so many nor so few events are rarer than
 * 2.5 %, Beta quantiles of (x, n − x + 1) and (x + 1, n − x). Neither number needs to be whole. None of n gives 0 to 1 − 0.025^{1/n}.
 */
export function exactInterval(events: number, of: number): Interval {
	const low = events === 0 ? 0 : betaQuantile(0.025, events, of - events + 1);
	const high = events === of ? 1 : betaQuantile(0.975, events + 1, of - events);
	return [low, high];
}

/**
 * The exact interval with n* = p(1 − p)/SE² · (t_{n−1} / t_ν)² answers (Korn & Graubard, Survey Methodology 24, 1998), the number of
 * independent ones that would be as telling; SE is the clustered one of ν degrees of freedom, which tell how well it is known, t the 97.5 %
 * point, and n* is never above n. Where all answers are alike SE tells nothing of how far they go together: then each cluster counts as one answer, the
 * worst that clusters can make of it. Null where there is no answer, or a value is neither 0 nor 1.
 */
export function rateInterval(observations: readonly Observation[]): RateInterval | null {
	if (observations.length === 0 || observations.some(({ value }) => value !== 0 && value !== 1)) return null;
	const answers = observations.length;
	const events = observations.filter(({ value }) => value === 1).length;
	const estimate = clusteredMean(observations);
	const { mean, se, clusters } = estimate;
	const known = (degrees: number) => quantile(0.975, degrees) ** 2;
	const effective = se ? Math.min(answers, ((mean * (1 - mean)) / se ** 2) * (known(answers - 1) / known(degreesOf(estimate)))) : clusters;
	return {
		...{ events, answers },
		independent: exactInterval(events, answers),
		clustered: exactInterval(mean * effective, effective),
	};
}

/** x with I_x(a, b) = p, by halving: I rises with x. */
function betaQuantile(p: number, a: number, b: number): number {
	let [low, high] = [0, 1];
	for (let i = 0; i < 60; i++) {
		const middle = (low + high) / 2;
		if (betainc(middle, a, b) < p) low = middle;
		else high = middle;
	}
	return (low + high) / 2;
}
