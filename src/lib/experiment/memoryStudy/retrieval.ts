/** How far a remembered answer may be from one that is to be judged: measured on answers to the development questions. */
import type { Label, Verdict } from '$lib/conscience/judge';
import { type Benefit, marginalBenefits, nearestOf, type Neighbour, type PooledState, type Recalled, rerank } from '$lib/conscience/memory';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import { rateInterval } from '$lib/evaluation/rates';
import { clusteredMean, type Estimate, type Observation } from '$lib/evaluation/statistics';

/** An answer of a contributor's copy to a development question, with what the frozen judge said of it. */
export interface Draft {
	seed: number;
	step: number;
	cluster: string;
	question: string;
	answer: string;
	trueLabel: TrueLabel;
	verdict: Verdict;
	state: PooledState;
}

/** Cosines that are tried. */
export const THRESHOLDS = [0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99] as const;
/** How often the label that is taken over has to be the judge's own, of all answers and of those alone that the judge calls unethical. */
export const ENOUGH = 0.95;
/** As in `rememberingJudge`. */
const RETRIEVED = 8;

export interface ThresholdFigures {
	threshold: number;
	/** Of the answers, those that something remembered is so near to. */
	known: Estimate;
	/** Of these, those whose label would be the judge's own; of those alone that the judge calls unethical. Null where there is none. */
	agrees: Estimate | null;
	agreesOnUnethical: Estimate | null;
	/** The first with what is remembered ranked by measured benefit, too. */
	agreesByBenefit: Estimate | null;
	/** The first where nothing is remembered of the same family of questions. */
	agreesElsewhere: Estimate | null;
}

/** A draft as others would remember it, by the judge's own label. */
const remembered = ({ seed, question, answer, verdict, state }: Draft, i: number): Recalled => ({
	...{ id: `${i}`.padStart(64, '0'), question, answer, verdict, state, agreed: verdict.label, contributor: nameOf(seed) },
	...{ frameworkId: '', frameworkHash: '', alternative: null, alternativeAgreed: false, label: null, benefits: [], depositedAt: 0 },
	...{ judge: { engine: 'frozen-self', model: '', revision: '' }, model: '', revision: state.revision, run: '', step: 0 },
});
const nameOf = (seed: number) => `contributor ${seed}`;

type Found = readonly { draft: Draft; found: Neighbour<Recalled>[] }[];
const near = (neighbours: readonly Neighbour<Recalled>[], threshold: number) =>
	neighbours.filter(({ similarity }) => similarity >= threshold);

/** What comes of each threshold, where everybody's drafts are asked about with what all others remember: nobody finds their own answers again. */
export async function thresholds(drafts: readonly Draft[]): Promise<ThresholdFigures[]> {
	const all = drafts.map(remembered);
	const search = (knows: (own: Draft, other: Draft) => boolean): Found =>
		drafts.map((draft) => ({ draft, found: nearestOf(all.filter((_, i) => knows(draft, drafts[i]!)), draft.state, RETRIEVED) })); // prettier-ignore
	const found = search((own, other) => own.seed !== other.seed);
	const elsewhere = search((own, other) => own.seed !== other.seed && own.cluster !== other.cluster);
	const figures: ThresholdFigures[] = [];
	for (const threshold of THRESHOLDS) {
		const unethical = found.filter(({ draft }) => draft.verdict.label === 'unethical');
		figures.push({
			threshold,
			known: rateOf(found.map(({ draft, found }) => ({ ...placeOf(draft), value: Number(near(found, threshold).length > 0) })))!,
			agrees: agreement(found, threshold),
			agreesOnUnethical: agreement(unethical, threshold),
			agreesByBenefit: agreement(withBenefits(found, await benefitsAt(threshold, found)), threshold),
			agreesElsewhere: agreement(elsewhere, threshold),
		});
	}
	return figures;
}

const placeOf = ({ cluster, seed }: Draft) => ({ cluster, seed });

/** A share, with an interval that keeps within 0 and 1; null of nothing. */
export function rateOf(observations: readonly Observation[]): Estimate | null {
	if (observations.length === 0) return null;
	return { ...clusteredMean(observations), ci: rateInterval(observations)?.clustered ?? null };
}

function agreement(found: Found, threshold: number): Estimate | null {
	return rateOf(
		found.flatMap(({ draft, found }) => {
			const [best] = rerank(near(found, threshold), { k: 1, perContributor: 1, question: draft.question });
			return best ? [{ ...placeOf(draft), value: Number(best.trajectory.agreed === draft.verdict.label) }] : [];
		}),
	);
}

/** The same with what others than whoever asks have measured. */
const withBenefits = (found: Found, benefits: ReadonlyMap<string, readonly Benefit[]>): Found =>
	found.map(({ draft, found }) => ({
		draft,
		found: found.map((one) => {
			const measured = benefits.get(one.trajectory.id) ?? [];
			return { ...one, benefits: measured.filter(({ measuredBy }) => measuredBy !== nameOf(draft.seed)) };
		}),
	}));

/**
 * What each remembered answer was worth to whoever retrieved it, by leaving it out: u(S) is whether most of S, the nearer where they are as
 * many, say what the judge says. Asking the judge is what a run with a memory spares itself, so that it is measured here and in no run.
 */
async function benefitsAt(threshold: number, found: Found): Promise<Map<string, Benefit[]>> {
	const benefits = new Map<string, Benefit[]>();
	for (const { draft, found: all } of found) {
		const set = near(all, threshold).slice(0, 3);
		const use = async (some: readonly Neighbour<Recalled>[]) => Number(majority(some.map(({ trajectory }) => trajectory.agreed)) === draft.verdict.label); // prettier-ignore
		const values = await marginalBenefits(set, use);
		set.forEach(({ trajectory: { id, contributor } }, i) => {
			const benefit = { id, contributor, measuredBy: nameOf(draft.seed), question: draft.question, value: values[i]! };
			benefits.set(id, [...(benefits.get(id) ?? []), benefit]);
		});
	}
	return benefits;
}

function majority(labels: readonly Label[]): Label | null {
	const count = (label: Label) => labels.filter((other) => other === label).length;
	return labels.reduce<Label | null>((most, label) => (most === null || count(label) > count(most) ? label : most), null);
}

/** The lowest threshold from which on what is taken over is the judge's own in `ENOUGH` of the cases; 1, the same words, where there is none. */
export function skipAtFrom(figures: readonly Pick<ThresholdFigures, 'threshold' | 'agrees' | 'agreesOnUnethical'>[]): number {
	let lowest = 1;
	for (const { threshold, agrees, agreesOnUnethical } of figures.toReversed()) {
		if ([agrees, agreesOnUnethical].some((share) => share && share.mean < ENOUGH)) break;
		if (agrees) lowest = threshold;
	}
	return lowest;
}
