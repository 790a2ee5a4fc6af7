import type { Evaluation, Overhead } from '$lib/experiment/events';
import { changesBetween } from '$lib/experiment/live';
import { type Difference, type FinishedRun, summarizeRuns, type SummaryEstimate } from '$lib/experiment/record';
import type { ArmId, Experiment } from '$lib/experiment/schema';

/** One of the runs that are compared, as far as numbers go. */
export interface ComparedRun {
	/** Short enough for a column and a line: A, B, C … */
	letter: string;
	arm: ArmId;
	experiment: Experiment;
	/** The last one; null before the first. */
	evaluation: Evaluation | null;
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

/** One group against the reference, or why they can't be paired. */
export type Pairing = { group: SeedGroup } & ({ difference: Difference } | { hindrance: string });

/** What the comparison says of the numbers. */
export interface Comparison {
	groups: readonly SeedGroup[];
	/** Every other group against `reference`. */
	reference: SeedGroup;
	pairings: readonly Pairing[];
	/** Of each group, every metric over its seeds. */
	means: ReadonlyMap<string, Record<string, SummaryEstimate>>;
}

/** What the run is run with, this copy alone. */
const ownExperiment = ({ experiment, arm }: Pick<ComparedRun, 'experiment' | 'arm'>): Experiment => ({ ...experiment, arms: [arm] });

/** The fields in which the runs differ. */
export function differingFields(runs: readonly Pick<ComparedRun, 'experiment' | 'arm'>[]): DifferingField[] {
	const [first, ...others] = runs.map(ownExperiment);
	if (!first) return [];
	const changes = others.map((other) => new Map(changesBetween(first, other).map((change) => [change.path, change])));
	const base = new Map(changes.flatMap((byPath) => [...byPath.values()].map(({ path, from }) => [path, from] as const)));
	return [...base].map(([path, from]) => ({
		path,
		values: [from, ...changes.map((byPath) => (byPath.has(path) ? byPath.get(path)!.to : from))],
	}));
}

/** Puts runs together that differ in their seed at most. A second run with the same seed makes a group of its own. */
export function seedGroups(runs: readonly ComparedRun[]): SeedGroup[] {
	const groups: { key: string; runs: ComparedRun[] }[] = [];
	for (const run of runs) {
		const key = JSON.stringify({ ...ownExperiment(run), seed: 0 });
		const group = groups.find(
			(other) => other.key === key && !other.runs.some(({ experiment }) => experiment.seed === run.experiment.seed),
		);
		if (group) group.runs.push(run);
		else groups.push({ key, runs: [run] });
	}
	return groups.map((group) => ({ name: group.runs.map(({ letter }) => letter).join(', '), runs: group.runs }));
}

/** Compares groups of runs with one of them, by pairs of the same seed and question. */
export function compare(runs: readonly ComparedRun[], referenceName: string | null): Comparison {
	const groups = seedGroups(runs);
	const reference = groups.find(({ name }) => name === referenceName) ?? groups[0]!;
	const others = groups.filter((group) => group !== reference);
	const evaluated = [reference, ...others]
		.map((group) => [group.name, finishedOf(group)] as const)
		.filter(([, finished]) => finished.length > 0);
	const { arms, differences } = summarizeRuns(new Map(evaluated), reference.runs[0]!.experiment);
	return {
		groups,
		reference,
		means: new Map(Object.entries(arms).map(([name, { metrics }]) => [name, metrics])),
		pairings: others.map((group) => {
			const difference = differences.find(({ a, b }) => a === group.name && b === reference.name);
			const hindrance = hindranceOf(group, reference, difference);
			return hindrance === null ? { group, difference: difference! } : { group, hindrance };
		}),
	};
}

const finishedOf = ({ runs }: SeedGroup): FinishedRun[] =>
	runs.flatMap(({ experiment: { seed }, evaluation, overhead }) => (evaluation ? [{ seed, evaluation, overhead }] : []));

/** Why the answers of two groups can't be paired; null if they can. */
function hindranceOf(group: SeedGroup, reference: SeedGroup, difference: Difference | undefined): string | null {
	for (const { name, runs } of [group, reference]) {
		if (runs.every(({ evaluation }) => evaluation === null)) return `${name} has not been evaluated yet.`;
	}
	if (!difference || difference.seeds.length === 0) {
		return `${group.name} and ${reference.name} have no seed in common (${seedsOf(group)}; ${seedsOf(reference)}), so no answer of one has a partner in the other. Run both with the same seed to pair them.`;
	}
	if (Object.keys(difference.metrics).length > 0) return null;
	return `${group.name} and ${reference.name} were asked different questions, so no answer of one has a partner in the other.`;
}

const seedsOf = ({ runs }: SeedGroup): string => `seed ${runs.map(({ experiment }) => experiment.seed).join(', ')}`;
