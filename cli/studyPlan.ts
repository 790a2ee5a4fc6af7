/** What is to be run for studies: each run once, however many studies look at it. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as v from 'valibot';

import type { Study, StudyRun } from '$lib/experiment/studies/index';
import { varied } from '$lib/experiment/studies/study';
import { type Experiment, ExperimentSchema } from '$lib/experiment/schema';

/** One run to make, or one that was made. */
export interface Task {
	/** Equal for runs that are the same: names its folder. */
	key: string;
	arm: StudyRun['arm'];
	/** With its seed. */
	experiment: Experiment;
	/** Judges that read its last answers again. */
	readers: string[];
	/** For messages: the first study that asks for it. */
	title: string;
}

/** A study's run on one seed, and the task that makes it. */
export interface PlannedRun {
	run: string;
	seed: number;
	key: string;
}

export interface Plan {
	tasks: Map<string, Task>;
	runs: Map<string, PlannedRun[]>;
}

/** Every run that the studies need. */
export function planStudies(studies: readonly Study[]): Plan {
	const plan: Plan = { tasks: new Map(), runs: new Map() };
	for (const study of studies) {
		const runs = study.runs.flatMap(({ id, arm, experiment }) =>
			study.seeds.map((seed): PlannedRun => {
				const seeded = { ...experiment, name: id, seed, arms: arm === 'base' ? experiment.arms : [arm] };
				const key = keyOf(seeded, arm);
				const known = plan.tasks.get(key);
				const readers = [...new Set([...(known?.readers ?? []), ...(study.readers ?? [])])];
				plan.tasks.set(key, { title: `${study.id} ${id}, seed ${seed}`, ...known, key, arm, experiment: seeded, readers });
				return { run: id, seed, key };
			}),
		);
		plan.runs.set(study.id, runs);
	}
	return plan;
}

/**
 * Names a run by what it computes: its experiment without the names, and of that only what the arm depends on; and the weights. Optional fields
 * that hold their default are left out, so that a run keeps its name when the schema is given another.
 */
export function keyOf(whole: Experiment, arm: Task['arm']): string {
	const { name, arms, ...experiment } = withoutDefaults(whole);
	const { seed, model, evaluation, conscience, optimizer, ...training } = experiment;
	const { misalignSteps, ...base } = model;
	const needs =
		arm === 'base' // whose probes are of the rows that others learn
			? { seed, base, evaluation: { ...evaluation, every: 0 }, data: training.data, rows: optimizer.steps * optimizer.batchSize }
			: arm === 'sft'
				? { seed, model, evaluation, optimizer, ...training }
				: experiment;
	return createHash('sha256')
		.update(JSON.stringify([arm, needs, weightsHash(model.checkpoint)]))
		.digest('hex')
		.slice(0, 16);
}

function withoutDefaults(experiment: Experiment): Experiment {
	const groups = Object.entries(experiment).map(([key, group]: [string, unknown]) => {
		const schema = ExperimentSchema.entries[key as keyof Experiment];
		if (schema.type !== 'strict_object') return [key, group];
		const { entries } = schema as unknown as { entries: Record<string, v.GenericSchema> };
		const isDefault = (field: string, value: unknown) => JSON.stringify(v.getDefault(entries[field]!)) === JSON.stringify(value);
		return [key, Object.fromEntries(Object.entries(group as object).filter(([field, value]) => !isDefault(field, value)))];
	});
	return Object.fromEntries(groups) as Experiment;
}

const hashes = new Map<string, string>();

/** SHA-256 over the files of one of the lab's own models. */
function weightsHash(checkpoint: string): string {
	const known = hashes.get(checkpoint);
	if (known) return known;
	const folder = fileURLToPath(new URL(`../static/${checkpoint}`, import.meta.url));
	const hash = createHash('sha256');
	for (const file of readdirSync(folder)
		.toSorted()
		.filter((name) => /\.(safetensors|json|jinja)$/.test(name)))
		hash.update(file).update(readFileSync(path.join(folder, file)));
	const found = hash.digest('hex');
	hashes.set(checkpoint, found);
	return found;
}

/** How much there is to compute, in steps of training: for telling how long it will take. */
export function workOf({ arm, experiment: { optimizer, model, evaluation }, readers }: Task): number {
	const answers = (evaluation.samples * 24 * (1 + readers.length / 2) + evaluation.codePrompts) / 10;
	return arm === 'base' ? answers : optimizer.steps + model.misalignSteps + answers;
}

/** The same study in a few steps on two seeds: to see that it works. What it finds means nothing. */
export const quickly = (study: Study): Study => ({
	...study,
	seeds: study.seeds.slice(0, 2),
	runs: study.runs.map((run) => ({ ...run, experiment: quick(run.experiment) })),
});

function quick(experiment: Experiment): Experiment {
	const { optimizer, model, evaluation, conscience } = experiment;
	return varied(experiment, {
		model: { misalignSteps: Math.min(model.misalignSteps, 2) },
		optimizer: { steps: Math.min(optimizer.steps, 6), batchSize: 4 },
		conscience: {
			cadence: { kind: 'fixed', every: 2 },
			lag: 0,
			dpoEvery: 2,
			promptsPerCall: 2,
			pairsPerStep: 2,
			frameworks: conscience.frameworks,
		},
		evaluation: { every: evaluation.every === 0 ? 0 : 3, samples: 1, samplesWhileTraining: 1, codePrompts: 4, codePromptsWhileTraining: 0 },
	});
}
