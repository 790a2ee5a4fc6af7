import { judgedInTrainer, presetById } from '../presets';
import type { ArmId, Experiment } from '../schema';

import type { Finding } from './finding';
import type { Kept, StudyRows } from './rows';

/** One experiment and one method, run on every seed of the study. */
export interface StudyRun {
	/** Names it in the rows: short, unique in the study. */
	id: string;
	label: string;
	/** `base` is the model before any training, which is only evaluated. */
	arm: ArmId | 'base';
	experiment: Experiment;
}

/**
 * A question put to the lab: which runs answer it, and how. Its analysis is pure: what it finds follows from the rows of the finished runs.
 */
export interface Study {
	/** `E3`. */
	id: string;
	title: string;
	/** What is asked, for a student. */
	asks: string;
	/** What is run, and what is measured. */
	does: string;
	/** Which outcome would change our mind, said before it was run. */
	settles: string;
	/** A study of another kind that belongs beside it, as a link names it. */
	beside?: { id: string; title: string };
	/** How far its outcome can be read. */
	limits: string;
	runs: readonly StudyRun[];
	seeds: readonly number[];
	keeps: Kept;
	/** Judges that read the last answers of every run again: `organism-1/three-laws` is that model's frozen copy by that framework. */
	readers?: readonly string[];
	analyse(rows: StudyRows): Finding;
}

/** Fresh ones: on seeds 1 to 3 the conscience's schedule was chosen, and 1 to 5 had been looked at before these studies. */
export const EIGHT_SEEDS = [11, 12, 13, 14, 15, 16, 17, 18] as const;
export const FIVE_SEEDS = [11, 12, 13, 14, 15] as const;
/** For studies of many settings. */
export const THREE_SEEDS = [11, 12, 13] as const;

/** The last answers and the code: what most studies look at. */
export const LAST_ANSWERS: Kept = { answers: 'last', code: true, reviews: false };

type Fields = {
	[K in keyof Experiment]?: Experiment[K] extends readonly unknown[] | string | number ? Experiment[K] : Partial<Experiment[K]>;
};

/** An experiment with some fields of its groups changed. */
export function varied(experiment: Experiment, changes: Fields): Experiment {
	const entries = Object.entries(changes).map(([key, change]): [string, unknown] => {
		const group = experiment[key as keyof Experiment];
		const isGroup = typeof group === 'object' && !Array.isArray(group);
		return [key, isGroup ? { ...group, ...(change as object) } : change];
	});
	return { ...experiment, ...(Object.fromEntries(entries) as Partial<Experiment>) };
}

/** The twin preset, judged in the trainer and evaluated at its end: what studies vary. */
export const TWIN: Experiment = varied(judgedInTrainer(presetById('twin').experiment), { evaluation: { every: 0 } });

/**
 * All that have a conscience are called equally often and teach equally often: else what differs would be the dose. They are asked in the dress
 * of training rows, too, where a defence may only have hidden what it seems to remove, and harmless questions and facts, which it may have cost.
 */
export const EQUAL_DOSE: Experiment = varied(TWIN, {
	conscience: { cadence: { kind: 'fixed', every: 10 }, dpoRestBelow: 0 },
	evaluation: { conditional: 2, harmless: 2, facts: 2 },
});

/** A run of a study. */
export const runOf = (id: string, label: string, arm: StudyRun['arm'], experiment: Experiment): StudyRun => ({
	id,
	label,
	arm,
	experiment,
});

/** The three that nearly every study compares: the base, the plain fine-tune and the copy with a conscience. */
export const twinRuns = (experiment: Experiment = TWIN): StudyRun[] => [
	runOf('base', 'Base', 'base', experiment),
	runOf('sft', 'Plain fine-tune', 'sft', experiment),
	runOf('ea', 'With conscience', 'emergent-alignment', experiment),
];

/** A line of a table for each run. */
export const linesOf = (runs: readonly StudyRun[]) => runs.map(({ id, label }) => ({ label, of: { run: id } }));

/** A line of differences for each run but the one that is taken away. */
export const pairsAgainst = (runs: readonly StudyRun[], id: string) => {
	const taken = runs.find((run) => run.id === id)!;
	return runs
		.filter((run) => run.id !== id)
		.map((run) => ({ label: `${run.label} − ${taken.label.toLowerCase()}`, of: { run: run.id }, minus: { run: id } }));
};
