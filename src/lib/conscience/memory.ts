/**
 * A memory that several people share: what one conscience has reviewed serves the runs of others (after MATM, arXiv 2606.19911, which does so
 * with the steps of agents). Where it is kept is not known here: `Memory` is what a run, a chat or a gate is given.
 */
import { seededRandom } from '$lib/model/random';
import { sha256 } from '$lib/model/sha256';

import type { Exchange, JudgeIdentity, Label, Verdict } from './judge';

/** What a text left in a frozen model: states of different weights can't be compared, so each says whose it is. */
export interface PooledState {
	/** SHA-256 of the frozen model's weights. */
	revision: string;
	/** The mean of the last hidden states over question and answer: [D]. See `pooledStates` in the model room. */
	values: Float32Array;
}

/** An answer of the policy that a conscience has read, with all that another run needs to make use of it. */
export interface Trajectory extends Exchange {
	/** `exchangeId` of its texts: equal exchanges are known by it, whoever deposits them. */
	id: string;
	frameworkId: string;
	frameworkHash: string;
	verdict: Verdict;
	judge: JudgeIdentity;
	/** What the judge wrote in the place of a flagged answer and passed; null where there is none. */
	alternative: { answer: string; verdict: Verdict } | null;
	/** What the contributor says of the answer, where a person did. */
	label: Label | null;
	/** The model that answered: its name, and the SHA-256 of the weights that it began from. */
	model: string;
	revision: string;
	run: string;
	step: number;
	state: PooledState;
}

/** A trajectory in a memory that nobody doubts: as many as its quorum say the same of it. */
export interface Remembered extends Trajectory {
	/** A pseudonym. */
	contributor: string;
	/** What they agreed on, which may be other than the verdict. */
	agreed: Label;
	/** Whether they also agreed that the alternative is ethical: one that they did not is no better answer yet. */
	alternativeAgreed: boolean;
	/** Milliseconds since 1970. */
	depositedAt: number;
}

/** What a trajectory was worth to somebody who retrieved it: u(S) − u(S∖{m}), see `marginalBenefits`. */
export interface Benefit {
	/** `id` and `contributor` of the trajectory. */
	id: string;
	contributor: string;
	/** Who measured it. */
	measuredBy: string;
	/** For which question it was retrieved. */
	question: string;
	/** In shares of what the use is measured by, −1 to 1. */
	value: number;
}

export interface Neighbour<T extends Remembered = Remembered> {
	trajectory: T;
	/** The cosine between its state and the one that was asked for. */
	similarity: number;
	benefits: readonly Benefit[];
}

/** A trajectory that nobody doubts, with what was measured of it: what a run takes with it. */
export interface Recalled extends Remembered {
	benefits: readonly Benefit[];
}

/** What a class knew when a run began: it travels beside the experiment, which names it by its digest, and is never asked for more. */
export interface MemoryFile {
	fileName: string;
	/** SHA-256 of its lines as an exported run holds them. */
	digest: string;
	trajectories: readonly Recalled[];
}

/** What became of a deposit. `known` were there already, `refused` go over the contributor's cap. */
export interface DepositReport {
	added: number;
	known: number;
	refused: number;
}

/** Where reviewed trajectories are left for others. Calls may be repeated: nothing is deposited or measured twice. */
export interface Memory {
	/** What is out of quarantine and lies nearest to a state, the nearest first, each exchange once; states of another model are never compared. */
	nearest(state: PooledState, k: number, signal?: AbortSignal): Promise<Neighbour[]>;
	deposit(trajectories: readonly Trajectory[], signal?: AbortSignal): Promise<DepositReport>;
	/** Leaves what was measured for those who retrieve after. */
	measured(benefits: readonly Omit<Benefit, 'measuredBy'>[], signal?: AbortSignal): Promise<void>;
}

/** SHA-256 of what was asked and answered under a framework, whatever space is around the texts. @throws HashError */
export const exchangeId = ({ question, answer }: Exchange, frameworkHash: string): Promise<string> =>
	sha256(JSON.stringify([question.trim(), answer.trim(), frameworkHash]));

/** What somebody says of an exchange, or the judge in their browser. */
export interface Saying {
	/** Each has one say of an exchange: a person's own word takes the place of their judge's. */
	labeller: string;
	label: Label;
	/** True of the teacher's: nothing else gets out. */
	decides?: boolean;
}

/**
 * The quarantine: the label that at least `quorum` independent labellers give, and more of them than any other label, and that the teacher does
 * not contradict; null while there is none. It keeps out one who lies or errs alone. What all judges of a class get wrong alike it lets in, unless
 * people say otherwise.
 */
export function settledLabel(sayings: readonly Saying[], quorum: number): Label | null {
	const counts = new Map<Label, number>();
	for (const label of new Map(sayings.map(({ labeller, label }) => [labeller, label] as const)).values())
		counts.set(label, (counts.get(label) ?? 0) + 1);
	const [first, second] = [...counts].sort(([, a], [, b]) => b - a);
	if (!first || first[1] < quorum || first[1] <= (second?.[1] ?? 0)) return null;
	return sayings.some(({ label, decides }) => decides && label !== first[0]) ? null : first[0];
}

/** What each member of a set is worth to it, by leaving it out: u(S) − u(S∖{m}). `use` may be anything that is better when it is larger. */
export async function marginalBenefits<T>(set: readonly T[], use: (subset: readonly T[]) => Promise<number>): Promise<number[]> {
	const whole = await use(set);
	const benefits: number[] = [];
	for (let m = 0; m < set.length; m++) benefits.push(whole - (await use(set.filter((_, i) => i !== m))));
	return benefits;
}

/** The `k` of a list that lie nearest to a state, the nearest first; states of another model are never compared. */
export function nearestOf(list: readonly Recalled[], { revision, values }: PooledState, k: number): Neighbour<Recalled>[] {
	return list
		.filter(({ state }) => state.revision === revision && state.values.length === values.length)
		.map((trajectory) => ({ trajectory, similarity: cosine(trajectory.state.values, values), benefits: trajectory.benefits }))
		.sort((a, b) => b.similarity - a.similarity)
		.slice(0, k);
}

/** What a gate may look at (`memoryHit`): the cosine of the nearest answer that was agreed to be unethical, and 0 where there is none or it lies on the other side. */
export function unethicalHit(list: readonly Recalled[], state: PooledState): number {
	const bad = list.filter(({ agreed }) => agreed === 'unethical');
	return Math.max(0, nearestOf(bad, state, 1)[0]?.similarity ?? 0);
}

/** a·b / (|a| |b|), and 0 where one of them is 0. @throws RangeError where they differ in length */
export function cosine(a: Float32Array, b: Float32Array): number {
	if (a.length !== b.length) throw new RangeError(`cosine: the states have ${a.length} and ${b.length} numbers; expected as many`);
	let [product, ofA, ofB] = [0, 0, 0];
	a.forEach((value, i) => {
		product += value * b[i]!;
		ofA += value * value;
		ofB += b[i]! * b[i]!;
	});
	return product === 0 ? 0 : product / Math.sqrt(ofA * ofB);
}

export interface Ranking {
	k: number;
	/** No more than so many of one contributor are taken: nobody fills a memory's answers alone. */
	perContributor: number;
	/** The question that is asked: what was measured with it is left out, or the ranking would know its answer. */
	question: string;
}

/** So many measurements of 0 are added to those that there are: one lucky use says little. */
const PRIOR = 2;

/** The mean of what was measured elsewhere than with this question, drawn to 0 where little was measured. */
export function meanBenefit(benefits: readonly Benefit[], question: string): number {
	const values = benefits.filter((benefit) => benefit.question.trim() !== question.trim()).map(({ value }) => value);
	return values.reduce((sum, value) => sum + value, 0) / (values.length + PRIOR);
}

/**
 * The best `k` of what was retrieved: by cosine + mean benefit, and where that is equal the nearer one; the cap per contributor is kept. Give it
 * more than `k`, for it only chooses among them.
 */
export function rerank<T extends Remembered>(
	neighbours: readonly Neighbour<T>[],
	{ k, perContributor, question }: Ranking,
): Neighbour<T>[] {
	const taken = new Map<string, number>();
	return neighbours
		.map((neighbour) => ({ neighbour, score: neighbour.similarity + meanBenefit(neighbour.benefits, question) }))
		.sort((a, b) => b.score - a.score || b.neighbour.similarity - a.neighbour.similarity)
		.map(({ neighbour }) => neighbour)
		.filter(({ trajectory: { contributor } }) => {
			const before = taken.get(contributor) ?? 0;
			taken.set(contributor, before + 1);
			return before < perContributor;
		})
		.slice(0, k);
}

/**
 * Divides trajectories so that nothing leaks: what is for `evaluation` shares neither a question nor a contributor with what is for `memory`.
 * Each question and each contributor is drawn for the evaluation with probability `share`, by its name and the seed alone; trajectories of
 * which only one was drawn are on neither side.
 */
export function splitByPromptAndContributor<T extends { question: string; contributor: string }>(
	trajectories: readonly T[],
	share: number,
	seed: number,
): { memory: T[]; evaluation: T[] } {
	const drawn = (kind: string, name: string) => seededRandom(seed, `held-out/${kind}/${name.trim()}`)() < share;
	const memory: T[] = [];
	const evaluation: T[] = [];
	for (const trajectory of trajectories) {
		const sides = [drawn('question', trajectory.question), drawn('contributor', trajectory.contributor)];
		if (sides.every((side) => side)) evaluation.push(trajectory);
		else if (sides.every((side) => !side)) memory.push(trajectory);
	}
	return { memory, evaluation };
}
