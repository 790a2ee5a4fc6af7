import { listens } from '$lib/experiment/methods/index';
import type { Evaluation, MidRunChange, Overhead } from '$lib/experiment/events';
import { changesBetween } from '$lib/experiment/live';
import { correctForArms, type Difference, type FinishedRun, summarizeRuns } from '$lib/experiment/record';
import type { ArmId, Experiment } from '$lib/experiment/schema';

import type { RowsIdentity } from './opened';

/** One of the runs that are compared, as far as numbers go. */
export interface ComparedRun {
	/** Short enough for a column and a line: A, B, C … */
	letter: string;
	arm: ArmId;
	/** As it was begun. */
	experiment: Experiment;
	/** What of it was changed while it went on. */
	changes: readonly MidRunChange[];
	/** The rows of the user's own that it learnt from; null where they are the lab's, or are not known. */
	rows: RowsIdentity | null;
	/** In the order in which they were made. */
	evaluations: readonly Evaluation[];
	overhead: Overhead | null;
}

/** A field that is not the same in all runs, with what each run has. */
export interface DifferingField {
	path: string;
	values: unknown[];
}

/** Runs that differ in their seed at most: what they have in common is the experiment's, the rest is chance. */
export interface SeedGroup {
	/** "A", or "A, C". */
	name: string;
	runs: readonly ComparedRun[];
}

/** One group against the reference after `step`, or why they can't be paired. */
export type Pairing = { group: SeedGroup } & (
	{ difference: Difference; step: number; beyond: readonly ComparedRun[] } | { hindrance: string }
);

/** What the comparison says of the numbers. */
export interface Comparison {
	groups: readonly SeedGroup[];
	/** Every other group against `reference`. */
	reference: SeedGroup;
	pairings: readonly Pairing[];
}

/** What the run is run with, this copy alone. */
const ownExperiment = ({ experiment, arm }: Pick<ComparedRun, 'experiment' | 'arm'>): Experiment => ({ ...experiment, arms: [arm] });

/** Whatever touched this copy: one without a conscience goes on as it was when the conscience is changed. */
export const changesOf = ({ arm, changes }: Pick<ComparedRun, 'arm' | 'changes'>): readonly MidRunChange[] =>
	changes
		.map(({ step, changes }) => ({ step, changes: changes.filter(({ path }) => listens(arm) || !path.startsWith('conscience.')) }))
		.filter(({ changes }) => changes.length > 0);

/** The fields in which the runs differ. `rows` and `changes` are no fields of an experiment, and are causes all the same. */
export function differingFields(runs: readonly Pick<ComparedRun, 'experiment' | 'arm' | 'changes' | 'rows'>[]): DifferingField[] {
	const [first, ...others] = runs.map(ownExperiment);
	if (!first) return [];
	const changes = others.map((other) => new Map(changesBetween(first, other).map((change) => [change.path, change])));
	const base = new Map(changes.flatMap((byPath) => [...byPath.values()].map(({ path, from }) => [path, from] as const)));
	const ofExperiment = [...base].map(([path, from]) => ({
		path,
		values: [from, ...changes.map((byPath) => (byPath.has(path) ? byPath.get(path)!.to : from))],
	}));
	const beside = [
		{ path: 'rows', values: runs.map(({ experiment, rows }) => (experiment.data.source === 'rows' ? rows : undefined)) },
		{ path: 'changes', values: runs.map(changesOf) },
	];
	return [...ofExperiment, ...beside.filter(({ path, values }) => new Set(values.map((value, i) => identity(path, value, i))).size > 1)];
}

/** Two files with the same rows are one, whatever they are called; rows that are not known are like no others. */
function identity(path: string, value: unknown, index: number): string {
	if (path !== 'rows' || value === undefined) return JSON.stringify(value ?? null);
	return value === null ? `unknown ${index}` : (value as RowsIdentity).digest;
}

/** Puts runs together that differ in their seed at most. A second run with the same seed makes a group of its own. */
export function seedGroups(runs: readonly ComparedRun[]): SeedGroup[] {
	const groups: { key: string; runs: ComparedRun[] }[] = [];
	for (const run of runs) {
		const key = keyOf(run);
		const group = groups.find(
			(other) => other.key === key && !other.runs.some(({ experiment }) => experiment.seed === run.experiment.seed),
		);
		if (group) group.runs.push(run);
		else groups.push({ key, runs: [run] });
	}
	return groups.map((group) => ({ name: group.runs.map(({ letter }) => letter).join(', '), runs: group.runs }));
}

/** All but the seed. Rows of the user's own that were not kept may be any: they are like no other run's. */
function keyOf(run: ComparedRun): string {
	const own = run.experiment.data.source === 'rows' ? (run.rows?.digest ?? run.letter) : null;
	return JSON.stringify([{ ...ownExperiment(run), seed: 0 }, changesOf(run), own]);
}

/** Compares groups of runs with one of them, by pairs of the same seed and question. */
export function compare(runs: readonly ComparedRun[], referenceName: string | null): Comparison {
	const groups = seedGroups(runs);
	const reference = groups.find(({ name }) => name === referenceName) ?? groups[0]!;
	const pairings = groups.filter((group) => group !== reference).map((group) => pairingOf(group, reference));
	return { groups, reference, pairings: corrected(pairings) };
}

/** Whoever looks at many differences finds one by chance: their p values are corrected for all that are shown. */
function corrected(pairings: readonly Pairing[]): Pairing[] {
	const differences = correctForArms(pairings.flatMap((pairing) => ('difference' in pairing ? [pairing.difference] : [])));
	return pairings.map((pairing) => ('difference' in pairing ? { ...pairing, difference: differences.shift()! } : pairing));
}

/** Two copies at different steps differ in how far they have come, too, so groups are paired after the last step that all have in common. */
function pairingOf(group: SeedGroup, reference: SeedGroup): Pairing {
	const seeds = group.runs.map(seedOf).filter((seed) => reference.runs.some((run) => seedOf(run) === seed));
	if (seeds.length === 0) {
		const hindrance = `${group.name} and ${reference.name} have no seed in common (${seedsOf(group)}; ${seedsOf(reference)}), so no answer of one has a partner in the other. Run both with the same seed to pair them.`;
		return { group, hindrance };
	}
	const [ours, theirs] = [group, reference].map(({ runs }) => runs.filter((run) => seeds.includes(seedOf(run)))) as [
		ComparedRun[],
		ComparedRun[],
	];
	const paired = [...ours, ...theirs];
	const without = paired.find(({ evaluations }) => evaluations.length === 0);
	if (without) return { group, hindrance: `${without.letter} has not been evaluated yet.` };
	const step = lastCommonStep(paired);
	const beyond = paired.filter(({ evaluations }) => evaluations.at(-1)!.step > (step ?? -Infinity));
	// What all runs begin with is no result; it is compared only where nothing has gone on from it.
	if (step === null || (step <= 0 && beyond.length > 0)) return { group, hindrance: apart(paired) };
	const at = (among: readonly ComparedRun[]) => among.map((run) => finishedAt(run, step));
	const { differences } = summarizeRuns(
		new Map([
			[reference.name, at(theirs)],
			[group.name, at(ours)],
		]),
		paired[0]!.experiment,
	);
	const [difference] = differences as [Difference];
	if (Object.keys(difference.metrics).length > 0) return { group, difference, step, beyond };
	const hindrance = `${group.name} and ${reference.name} were asked different questions, so no answer of one has a partner in the other.`;
	return { group, hindrance };
}

const seedOf = ({ experiment }: ComparedRun): number => experiment.seed;
const seedsOf = ({ runs }: SeedGroup): string => `seed ${runs.map(seedOf).join(', ')}`;

function lastCommonStep(runs: readonly ComparedRun[]): number | null {
	const [first, ...others] = runs.map(({ evaluations }) => evaluations.map(({ step }) => step));
	return first!.findLast((step) => others.every((steps) => steps.includes(step))) ?? null;
}

/** Of two evaluations of one step the later counts: it is the final one, with more samples. */
function finishedAt({ experiment: { seed }, evaluations, overhead }: ComparedRun, step: number): FinishedRun {
	return { seed, evaluation: evaluations.findLast((evaluation) => evaluation.step === step)!, overhead };
}

/** Runs that were evaluated, but never after the same step. */
function apart(runs: readonly ComparedRun[]): string {
	const last = runs.map(({ letter, evaluations }) => `${letter} after step ${evaluations.at(-1)!.step}`).join(', ');
	return `They were last evaluated after different steps (${last}) and after no step of the training that all have in common, so a difference would be one of how far they have come. Let the shorter one go on to the end, or run them again with the same steps between evaluations.`;
}
