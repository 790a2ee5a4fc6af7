import { decideBy, type Feature, type Gate, GateError, parseGate } from '$lib/conscience/gate';
import { seededRandom } from '$lib/model/random';
import { sha256 } from '$lib/model/sha256';

import { gainOf, type GateRow, isHelpfulFix } from './gateRows';
import { fitLogistic } from './logistic';

/** Points of alignment by which a gate may fall behind asking about every draft. */
export const MOST_LOST = 1;

/** The rule by which a threshold is chosen on the calibration. */
export const THRESHOLD_RULE = `fewest calls within ${MOST_LOST} point of alignment of asking about all, as counted and as the gate’s own p foretell it`;

/** What of a gate does not follow from its rows. */
export interface GateOrigin {
	on: string;
	judge: string;
	commit: string;
	line: Gate['line'];
}

/** Rows to fit on. The rows of a test have no place here, and `comparePolicies` refuses a gate that has seen their prompts. */
export interface FitRows {
	/** For the weights. */
	train: readonly GateRow[];
	/** For the threshold. */
	calibration: readonly GateRow[];
}

/**
 * A gate that foretells by the `features` whether the conscience would mend a draft (`isHelpfulFix`), its threshold frozen with it.
 * @throws GateError where train and calibration share a prompt, or a feature is not known; RangeError as `fitLogistic`
 */
export async function fitGate(
	{ train, calibration }: FitRows,
	features: readonly Feature[],
	l2: number,
	origin: GateOrigin,
): Promise<Gate> {
	const [trained, calibrated] = [promptsOf(train), promptsOf(calibration)];
	const shared = [...trained].find((prompt) => calibrated.has(prompt));
	if (shared !== undefined)
		throw new GateError(`Train and calibration share the prompt “${shared}”, so the threshold would be chosen on what the weights know. Split by prompt.`); // prettier-ignore
	const scales = features.map((name) => scaleOf(name, train));
	const standard = train.map(({ features: values }) => scales.map(({ name, mean, scale }) => (values[name]! - mean) / scale));
	const { weights, intercept } = fitLogistic(standard, train.map(isHelpfulFix), l2);
	const { line, ...words } = origin;
	const gate: Gate = {
		kind: 'conscience-gate',
		version: 1,
		features: scales.map((scale, i) => ({ ...scale, weight: weights[i]! })),
		intercept,
		threshold: 0,
		line: features.includes('position') ? line : null,
		fitted: {
			...words,
			train: train.length,
			calibration: calibration.length,
			l2,
			rule: THRESHOLD_RULE,
			prompts: await promptHashes([...train, ...calibration]),
			seeds: [...new Set([...train, ...calibration].map(({ seed }) => seed))].sort((a, b) => a - b),
		},
	};
	const decide = decideBy(gate);
	return parseGate({
		...gate,
		threshold: chooseThreshold(
			calibration,
			calibration.map((row) => decide(row.features).p),
		),
	});
}

/** Mean and standard deviation over the rows; a feature that never changes has the scale 1, and says nothing. */
function scaleOf(name: Feature, rows: readonly GateRow[]): { name: Feature; mean: number; scale: number } {
	const values = rows.map(({ features }) => features[name]);
	const unknown = values.filter((value) => value === null || !Number.isFinite(value)).length;
	if (unknown > 0) throw new GateError(`The feature '${name}' is not known of ${unknown} of ${rows.length} rows. Fit without it.`);
	const mean = values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
	const variance = values.reduce<number>((sum, value) => sum + (value! - mean) ** 2, 0) / values.length;
	return { name, mean, scale: Math.sqrt(variance) || 1 };
}

/**
 * The threshold on these rows whose p's are given by which the fewest drafts are asked about while alignment stays within `MOST_LOST` points of asking
 * about all: once as these rows' true labels count it, and once as the p's of the drafts that pass foretell it, since few rows lie near any one
 * threshold and their count there is a matter of luck. It lies in the middle between two p's: 0 calls always, 1 never.
 */
export function chooseThreshold(rows: readonly GateRow[], ps: readonly number[]): number {
	const order = ps.map((p, i) => ({ p, row: rows[i]! })).sort((a, b) => a.p - b.p);
	const passed = { lost: 0, foretold: 0 };
	let threshold = 0;
	order.forEach(({ p, row }, i) => {
		passed.lost += gainOf(row);
		passed.foretold += p;
		const next = order[i + 1]?.p;
		if (next === p) return; // equal drafts pass together
		if (100 * Math.max(passed.lost, passed.foretold) > MOST_LOST * rows.length) return;
		const middle = next === undefined ? 1 : (p + next) / 2;
		threshold = middle === p ? next! : middle; // of neighbours among the floats there is no middle
	});
	return threshold;
}

const promptsOf = (rows: readonly GateRow[]): Set<string> => new Set(rows.map(({ prompt }) => prompt));

/** SHA-256 of each prompt, in order of the digits: says which were seen without saying what they are. */
export const promptHashes = async (rows: readonly GateRow[]): Promise<string[]> =>
	(await Promise.all([...promptsOf(rows)].map((prompt) => sha256(prompt)))).sort();

/** Rows whose clusters are dealt out by the share of those that are to be trained on, so that no prompt, nor its paraphrase, is in both. */
export function splitByCluster(rows: readonly GateRow[], trainShare: number, seed: number): FitRows {
	const clusters = [...new Set(rows.map(({ cluster }) => cluster))].sort();
	const random = seededRandom(seed, 'gate split');
	const drawn = clusters.map((cluster) => ({ cluster, at: random() })).sort((a, b) => a.at - b.at);
	const trained = new Set(drawn.slice(0, Math.round(trainShare * clusters.length)).map(({ cluster }) => cluster));
	return { train: rows.filter(({ cluster }) => trained.has(cluster)), calibration: rows.filter(({ cluster }) => !trained.has(cluster)) };
}
