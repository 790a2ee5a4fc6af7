/** Whether what would change our mind about a study has come about, as far as its figures tell. */
import type { Estimate } from '$lib/evaluation/statistics';

import { type Side, sideOf } from './inWords';

/** `open` where the figures can't tell. */
export type Came = 'yes' | 'no' | 'open';

/** One outcome that would change our mind, as a sentence without its full stop. */
export interface Settled {
	what: string;
	came: Came;
}

export const CAME_IN_WORDS: Readonly<Record<Came, string>> = { yes: 'yes', no: 'no', open: 'can’t be told' };

/** A difference of fewer than so many points of 100, or percentage points, counts as none. */
export const MARGIN = 5;
export const MARGIN_OF_SHARES = MARGIN / 100;
/** What stands beside the answers. */
export const HOW_SETTLED = `Computed from the figures below by their 95 % intervals. “As good” is not clearly worse, and by no more than ${MARGIN} of 100.`;

type Known = Pick<Estimate, 'mean' | 'se' | 'ci'> | null;

/** Both ends of what a figure may be; where all rows are alike, the mean, and where no interval is known, anything. */
function endsOf(figure: Known): readonly [low: number, high: number] {
	if (figure?.ci) return figure.ci;
	return figure?.se === 0 ? [figure.mean, figure.mean] : [-Infinity, Infinity];
}

/** Whether a figure lies above `bar`, by its whole interval. */
export function above(figure: Known, bar: number): Came {
	const [low, high] = endsOf(figure);
	return low > bar ? 'yes' : high <= bar ? 'no' : 'open';
}

/** Whether it lies below `bar`, by its whole interval. */
export function below(figure: Known, bar: number): Came {
	const [low, high] = endsOf(figure);
	return high < bar ? 'yes' : low >= bar ? 'no' : 'open';
}

/** Whether a difference is above 0: no, where it is above by less than `margin` at most. `side` is given where it was decided among several. */
export const more = (difference: Known, margin = MARGIN, side: Side = sideOf(difference)): Came =>
	side === 'above' ? 'yes' : above(difference, margin) === 'no' ? 'no' : 'open';

/** The same of one below 0. */
export const less = (difference: Known, margin = MARGIN, side: Side = sideOf(difference)): Came =>
	side === 'below' ? 'yes' : below(difference, -margin) === 'no' ? 'no' : 'open';

export const not = (came: Came): Came => (({ yes: 'no', no: 'yes', open: 'open' }) as const)[came];

/** Whether the one is as good as the other, of which this is how much more it has: not clearly worse, and by `margin` at most. */
export const asGood = (difference: Known, margin = MARGIN, side?: Side): Came => not(less(difference, margin, side));

export const any = (all: readonly Came[]): Came => (all.includes('yes') ? 'yes' : all.includes('open') ? 'open' : 'no');
export const every = (all: readonly Came[]): Came => (all.includes('no') ? 'no' : all.includes('open') ? 'open' : 'yes');

/** a − b of two figures that share no rows to be paired by: the widest that both intervals allow. */
export function gapOf(a: Known, b: Known): Known {
	if (!a || !b) return null;
	const [[low, high], [from, to]] = [endsOf(a), endsOf(b)];
	return { mean: a.mean - b.mean, se: null, ci: [low - to, high - from] };
}
