import { cohenKappa } from '$lib/evaluation/agreement';
import { detectable, varianceComponents } from '$lib/evaluation/power';
import { rateInterval } from '$lib/evaluation/rates';
import { clusteredMean, differencesByKey, type Estimate, pairedDifference, type PairedObservation } from '$lib/evaluation/statistics';

import { type MeasureId, measureOf, placeOf } from './measures';
import type { RowKind, StudyRows } from './rows';

/** Which rows: those whose fields have these values; a stretch of numbers holds both its ends. */
export type Where = Readonly<Record<string, string | number | readonly [from: number, to: number]>>;

/** A number with its interval, and which rows it was computed from. */
export interface Figure extends Estimate {
	measure: MeasureId;
	of: Where;
	/** Where it is a difference: what was taken away, paired by seed and question. */
	minus?: Where;
	/** Rows that count for it, of both sides of a difference. */
	n: number;
}

/** A row with the value that it has for a figure. */
export interface CountedRow {
	entry: StudyRows[RowKind][number];
	value: number;
}

/** The rows that count for a measure. */
export function countedRows(rows: StudyRows, measure: MeasureId, where: Where): CountedRow[] {
	const { from, value } = measureOf(measure);
	const entries: readonly StudyRows[RowKind][number][] = rows[from];
	return entries.flatMap((entry) => {
		if (!fits(entry, where)) return [];
		const said = value(entry);
		return said === null ? [] : [{ entry, value: said }];
	});
}

function fits(entry: object, where: Where): boolean {
	return Object.entries(where).every(([field, wanted]) => {
		const has = (entry as Record<string, unknown>)[field];
		return typeof wanted === 'object' ? typeof has === 'number' && has >= wanted[0] && has <= wanted[1] : has === wanted;
	});
}

const observe = (rows: StudyRows, measure: MeasureId, where: Where): PairedObservation[] => {
	const { from } = measureOf(measure);
	const counted = countedRows(rows, measure, where);
	if (from === 'costs' || from === 'stops') return counted.map(({ entry, value }) => ({ ...placeOf(from, entry), value })); // their clusters are the seeds
	return counted.map(({ entry, value }) => ({ ...placeOf(from, entry), seed: entry.seed, value }));
};

/**
 * A measure over the rows that fit; null where none counts. Intervals are clustered by question (or kind of coding task) and by seed where
 * several are pooled, those of costs by seed alone: of shares the exact one, which has a width also where all rows are alike, of all else t.
 */
export function figureOf(rows: StudyRows, measure: MeasureId, of: Where): Figure | null {
	const { labels, unit } = measureOf(measure);
	if (labels) return kappaOf(rows, measure, of);
	const observations = observe(rows, measure, of);
	if (observations.length === 0) return null;
	const estimate = clusteredMean(observations);
	const ci = unit === 'share' ? (rateInterval(observations)?.clustered ?? null) : estimate.ci;
	return { ...estimate, ci, measure, of, n: observations.length };
}

function kappaOf(rows: StudyRows, measure: MeasureId, of: Where): Figure | null {
	const { from, labels } = measureOf(measure);
	const counted = countedRows(rows, measure, of);
	const kappa = cohenKappa(counted.map(({ entry }) => ({ cluster: placeOf(from, entry).cluster, seed: entry.seed, ...labels!(entry)! })));
	return kappa && { ...kappa, measure, of, n: counted.length };
}

/** The paired difference `of` − `minus` with its t interval; null where the two share no seed and question. */
export function differenceOf(rows: StudyRows, measure: MeasureId, of: Where, minus: Where): Figure | null {
	const [left, right] = [observe(rows, measure, of), observe(rows, measure, minus)];
	const [ofLeft, ofRight] = [left, right].map((observations) => new Set(observations.map(({ key }) => key))) as [Set<string>, Set<string>];
	const shared = (observations: PairedObservation[], other: Set<string>) => observations.filter(({ key }) => other.has(key));
	const [a, b] = [shared(left, ofRight), shared(right, ofLeft)];
	if (a.length === 0) return null;
	const difference = pairedDifference(a, b);
	const ci = difference.se === 0 ? null : difference.ci; // all pairs alike: that says nothing of how far others would differ
	return { ...difference, ci, measure, of, minus, n: a.length + b.length };
}

/**
 * The smallest true difference that as many questions and seeds would find with 80 % power, by a test of this one difference at 5 %; null where
 * no spread was measured, or not of every question on every seed.
 */
export function smallestFound(rows: StudyRows, { measure, of, minus, clusters }: Figure): number | null {
	if (!minus) return null;
	const cells = differencesByKey(observe(rows, measure, of), observe(rows, measure, minus)).map(({ key, cluster, value }) => {
		return { question: cluster, seed: Number(key.split('/')[0]), value }; // see placeOf
	});
	const spread = varianceComponents(cells);
	return spread?.questions !== clusters ? null : detectable(spread, spread.questions, spread.seeds);
}

/** A figure computed again from rows: what a file says has to follow from the rows beside it. */
export const recomputed = (rows: StudyRows, { measure, of, minus }: Figure): Figure | null =>
	minus ? differenceOf(rows, measure, of, minus) : figureOf(rows, measure, of);
