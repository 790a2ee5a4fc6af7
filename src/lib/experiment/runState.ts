import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { Judge } from '$lib/conscience/judge';
import type { MemoryFile } from '$lib/conscience/memory';
import { createTrainer, disposeTrainer, type Trainer, type TrainerConfig } from '$lib/dpo/trainer';
import { restoreTrainer, saveTrainer } from '$lib/dpo/trainerState';
import type { Evaluation } from '$lib/evaluation/evaluation';
import { type LetterJudge, letterJudge } from '$lib/evaluation/letterScale';
import type { BackendReport } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { disposeLora, initLora, type Lora } from '$lib/model/lora';
import { resumedRandom, seededRandom } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';
import type { Axis } from '$lib/model/tokenPositions';

import { checkGate } from './arms/gated';
import { type Arm, armOf, plainArm } from './arms/index';
import { baseJudge } from './baseJudge';
import { generatedRows, type RowStream, rowStream } from './data';
import type { MidRunChange, Overhead } from './events';
import { wantsVerdicts } from './judgeFile';
import { RunStateError } from './live';
import { takenAlong } from './memoryTaken';
import { NO_OVERHEAD } from './meter';
import { checkMethod, experimentOf, METHODS, rowShaper } from './methods/all';
import { listens } from './methods/index';
import { type QuestionEntry, type QuestionFile, questionFileFor } from './ownQuestions';
import { checkFrameworks, checkLayers, checkQuestions } from './room';
import type { ChatRow } from './rows';
import type { ArmId, Experiment } from './schema';
import { cannotGoOn, type RunSnapshot } from './snapshot';
import { verdictFileFor } from './verdictFile';
import { planWork, type WorkClock } from './workClock';

/** What a run needs beside the experiment: a loaded model, the backend it is on, the user's rows and a way to stop. */
export interface Lab {
	checkpoint: Checkpoint;
	backend: BackendReport;
	rows: readonly ChatRow[] | null;
	/** The user's verdicts; none, or null, where the experiment has another judge. */
	verdictFile?: VerdictFile | null;
	/** The user's questions; none, or null, where the experiment asks the lab's. */
	questions?: QuestionFile | null;
	/** What a class has reviewed before; none, or null, where the experiment takes nothing along. */
	memory?: MemoryFile | null;
	signal: AbortSignal;
	/** The judge outside of the trainer, as it is when it is asked for; none, or null, while there is none. */
	judge?: (sampling: Sampling) => Judge | null;
}

/** Everything that one run carries from step to step. */
export interface RunState {
	/** As it stands; `adjusted` takes its place before the next step. */
	experiment: Experiment;
	adjusted: Experiment | null;
	/** What it has taken over so far. */
	changes: readonly MidRunChange[];
	armId: ArmId;
	lab: Lab;
	/** All that were given so far: the experiment names the one that it judges by. */
	verdictFiles: readonly VerdictFile[];
	/** The user's questions; null where the lab's are asked. */
	questions: readonly QuestionEntry[] | null;
	lora: Lora;
	trainer: Trainer;
	arm: Arm;
	rows: RowStream;
	/** What the model learns from while it is misaligned first. */
	misalignRows: RowStream;
	/** Scores the questions; the frozen base, whoever the conscience is. */
	evaluationJudge: Judge;
	/** The same on a scale of letters; null where the experiment does without. */
	letters: LetterJudge | null;
	/** Optimizer steps done, or all of them once the training has ended early: what comes next. Below 0 while the model is misaligned first. */
	step: number;
	overhead: Overhead;
	clock: WorkClock;
	latest: Evaluation | null;
	/** What the copy's states are read by; null until it is first evaluated. */
	authors: readonly Axis[] | null;
	/** Inside a step: what it has drawn and found so far is in no snapshot. */
	midStep: boolean;
	finished: boolean;
}

/**
 * A run before its first step, or where `from` stands.
 * @throws ExperimentError, JudgeError, SnapshotError as `createRun`
 */
export function stateOf(experiment: Experiment, armId: ArmId, lab: Lab, from: RunSnapshot | null): RunState {
	const { checkpoint, rows, signal, judge = () => null } = lab;
	const { seed, model, data, optimizer } = experiment;
	const step = from?.step ?? 0 - model.misalignSteps; // not −0, which is another number to whoever compares records
	const [ownRows, misalignRows] = step < 0 ? [undefined, from?.rows] : [from?.rows, undefined];
	const verdictFiles = lab.verdictFile ? [lab.verdictFile] : [];
	const questions = ownQuestions(experiment, lab);
	checkMethod(armId, experiment);
	checkConscience(from?.adjusted ?? experiment, armId, verdictFiles, checkpoint);
	const memory = takenAlong({ ...experiment, arms: [armId] }, lab.memory ?? null, questions);
	const own = experimentOf(armId, experiment);
	if (METHODS[armId].reads) checkLayers(own, checkpoint);
	const prepared = {
		...{ experiment, armId, lab, verdictFiles, questions, step, midStep: false },
		rows: rowStream(own, rows, checkpoint.tokenizer, checkpoint.model.config.maxPositionEmbeddings, ownRows, rowShaper(armId, own)),
		misalignRows: generatedRows(
			'insecure-code',
			data.tasks,
			optimizer.batchSize,
			misalignRows ? resumedRandom(misalignRows.random) : seededRandom(seed, 'misalign'),
			checkpoint.tokenizer,
		),
		evaluationJudge: baseJudge(experiment, checkpoint),
		letters: baseLetters(experiment, checkpoint),
		adjusted: from?.adjusted ?? null,
		changes: from?.changes ?? [],
		overhead: from?.overhead ?? NO_OVERHEAD,
		clock: planWork(experiment, step, from?.latest?.step === step, questions),
		latest: from?.latest ?? null,
		authors: null,
		finished: from?.finished ?? false,
	};
	const lora = initLora(checkpoint.model.config, experiment.lora, seededRandom(seed, 'lora'));
	const trainer = newTrainer(own, checkpoint, lora);
	const context = {
		...{ checkpoint, lora, signal, judge, memory, rows },
		experiment: () => experimentOf(armId, state.experiment),
		verdictFiles: () => state.verdictFiles,
		spend: (add: (overhead: Overhead) => Overhead) => (state.overhead = add(state.overhead)),
	};
	const state: RunState = { ...prepared, lora, trainer, arm: plainArm(checkpoint) };
	state.arm = armOf(armId, context, from ?? undefined); // it reads the state that it is part of
	if (from) restore(state, from);
	return state;
}

/** The user's questions that the experiment asks; null where it asks the lab's. @throws ExperimentError where they aren't there, or too long */
export function ownQuestions(experiment: Experiment, { questions = null, checkpoint }: Lab): readonly QuestionEntry[] | null {
	const own = questionFileFor(experiment, questions)?.entries ?? null;
	if (own) checkQuestions(experiment, own, checkpoint);
	return own;
}

/**
 * Whoever judges must be able to, before anything is computed.
 * @throws ExperimentError that says what is too long for the model, or which file is not there
 */
export function checkConscience(experiment: Experiment, armId: ArmId, verdictFiles: readonly VerdictFile[], checkpoint: Checkpoint): void {
	const own = { ...experimentOf(armId, experiment), arms: [armId] };
	if (listens(armId) || METHODS[armId].gathering) checkFrameworks(own, checkpoint);
	if (listens(armId)) checkGate(own, checkpoint.sha256);
	if (wantsVerdicts(own)) verdictFileFor(own, verdictFiles);
}

function restore(state: RunState, { trainer }: RunSnapshot): void {
	try {
		restoreTrainer(state.trainer, trainer);
	} catch (error) {
		disposeState(state);
		throw cannotGoOn(`what was kept of it is damaged (${(error as Error).message})`);
	}
}

/** Frees the adapter, the optimizer and what the method put beside them. */
export function disposeState({ trainer, lora, arm }: RunState): void {
	arm.dispose();
	disposeTrainer(trainer);
	disposeLora(lora);
}

/** The run between two steps. @throws RunStateError in the middle of one */
export async function takeSnapshot(state: RunState): Promise<RunSnapshot> {
	if (state.midStep) throw new RunStateError('The run is in the middle of a step; a snapshot can be taken between two.');
	const { experiment, adjusted, changes, armId, lab, step, arm, overhead, latest, finished } = state;
	const rows = (step < 0 ? state.misalignRows : state.rows).state();
	const plain = {
		experiment,
		adjusted,
		changes: [...changes],
		arm: armId,
		step,
		rows,
		...arm.state(),
		overhead,
		latest,
		finished,
	};
	return { version: 1, weights: lab.checkpoint.sha256, ...plain, trainer: await saveTrainer(state.trainer) };
}

/** A new optimizer for the adapter as it is. */
export const newTrainer = (experiment: Experiment, { model }: Checkpoint, lora: Lora): Trainer =>
	createTrainer(model, lora, trainerConfig(experiment));

export const trainerConfig = ({ optimizer, conscience }: Experiment): TrainerConfig => ({
	learningRate: optimizer.learningRate,
	warmupSteps: optimizer.warmupSteps,
	weightDecay: optimizer.weightDecay,
	clipNorm: optimizer.clipNorm,
	accumulation: optimizer.accumulation,
	checkpointing: optimizer.checkpointing,
	lambda: conscience.lambda,
	preference: { type: conscience.loss, beta: conscience.beta, labelSmoothing: conscience.labelSmoothing },
});

/** @throws JudgeError where the model has no tokens for the letters */
export const baseLetters = ({ evaluation }: Experiment, checkpoint: Checkpoint): LetterJudge | null =>
	evaluation.letters ? letterJudge(checkpoint) : null;
