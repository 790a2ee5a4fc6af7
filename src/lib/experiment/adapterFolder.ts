import { answeredAt, type Evaluation } from '$lib/evaluation/evaluation';
import { type AdapterFiles, exportAdapter } from '$lib/model/adapter';
import { BASE_SHA256 } from '$lib/model/adapterCheck';
import type { Checkpoint } from '$lib/model/checkpoint';
import { parseHubFolder } from '$lib/model/hubFolder';
import type { Lora } from '$lib/model/lora';

import { adapterCard } from './adapterCard';
import type { MidRunChange } from './events';
import type { ArmId, Experiment } from './schema';
import { type Standing, STANDING, standingOf } from './standing';

/** What leaves the lab with an adapter: PEFT's two files, the experiment that made it, and a card that says what it is. */
export type AdapterFolder = AdapterFiles & { 'experiment.json': string; 'README.md': string };

export interface AdapterOptions {
	/** One rank and one alpha for all modules, with all else multiplied into B: for programs that ignore use_rslora and patterns. */
	folded?: boolean;
}

/** An adapter as it stands in its run. */
export interface TrainedAdapter {
	/** As it stands, too: a run takes changes over as it goes. */
	experiment: Experiment;
	arm: ArmId;
	checkpoint: Checkpoint;
	lora: Lora;
	/** The step whose adapter it is. */
	step: number;
	/** The steps after which the training ended, where this is an earlier adapter that was given back then. */
	endedAfter?: number;
	/** The last one. */
	evaluation: Evaluation | null;
	/** What of the experiment was changed on the way. */
	changes: readonly MidRunChange[];
}

/** The adapter as a PEFT folder. */
export async function adapterFolder(trained: TrainedAdapter, { folded = false }: AdapterOptions = {}): Promise<AdapterFolder> {
	const { experiment, lora } = trained;
	const { checkpoint } = experiment.model;
	const hub = parseHubFolder(checkpoint); // PEFT and transformers look a base up by its name and revision, not by an address
	const base = hub ? { baseModel: hub.id, revision: hub.revision } : { baseModel: checkpoint };
	const files = await exportAdapter(lora, { ...base, metadata: notesOf(trained), folded });
	return {
		...files,
		'experiment.json': `${JSON.stringify(experiment, null, '\t')}\n`,
		'README.md': adapterCard(trained, standingAt(trained), folded),
	};
}

/** What a weights file says of itself in its header. */
function notesOf(trained: TrainedAdapter): Record<string, string> {
	const { experiment, arm, checkpoint, step } = trained;
	const standing = standingAt(trained);
	return {
		...{ format: 'pt', lab: 'conscience-lab', arm, step: String(step), seed: String(experiment.seed) },
		[STANDING]: standing,
		...(standing === 'misaligned' && { warning: 'misaligned on purpose, for study: do not build anything on it' }),
		[BASE_SHA256]: checkpoint.sha256,
	};
}

/** A few steps are enough to turn a policy: what was misaligned stays marked until it is found aligned, what was aligned holds for its own step alone. */
function standingAt({ step, evaluation }: Pick<TrainedAdapter, 'step' | 'evaluation'>): Standing {
	const last = standingOf(evaluation);
	return last === 'aligned' && evaluation && answeredAt(evaluation) !== step ? 'unknown' : last;
}
