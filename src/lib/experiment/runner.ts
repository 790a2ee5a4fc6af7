import type { Judge } from '$lib/conscience/judge';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { oracleJudge } from '$lib/conscience/oracleJudge';
import { policyAnswerer } from '$lib/conscience/policy';
import { createTrainer, disposeTrainer, type Trainer, type TrainerConfig, trainStep } from '$lib/dpo/trainer';
import { evaluate } from '$lib/evaluation/evaluate';
import type { Evaluation } from '$lib/evaluation/evaluation';
import { QUESTION_SETS } from '$lib/evaluation/questions';
import type { BackendReport } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { disposeLora, initLora, type Lora, loraVariables } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { codePrompts } from '$world/index';

import { type AdapterFolder, adapterFolder } from './adapterFolder';
import { type Arm, emergentAlignmentArm, sftArm } from './arms';
import { generatedRows, rowStream } from './data';
import type { Overhead, Phase, RunEvent } from './events';
import { addStep, NO_OVERHEAD } from './meter';
import type { ChatRow } from './rows';
import { type ArmId, DEFAULT_FRAMEWORKS, type Experiment } from './schema';
import { planWork, type WorkClock } from './workClock';

/** What a run needs beside the experiment: a loaded model, the backend it is on, the user's rows and a way to stop. */
export interface Lab {
	checkpoint: Checkpoint;
	backend: BackendReport;
	rows: readonly ChatRow[] | null;
	signal: AbortSignal;
}

/** One arm of an experiment on its way. Pull `events` to go on; stop pulling to pause. */
export interface ArmRun {
	events: AsyncGenerator<RunEvent, void>;
	/** The adapter as it is now, as a PEFT folder with the experiment and a model card. */
	adapter(): Promise<AdapterFolder>;
	/** Frees the adapter and the optimizer. The checkpoint stays with the caller. */
	dispose(): void;
}

/** Everything that one run carries from step to step. */
interface RunState {
	experiment: Experiment;
	armId: ArmId;
	lab: Lab;
	lora: Lora;
	trainer: Trainer;
	/** Scores the questions; the frozen base, whoever the conscience is. */
	evaluationJudge: Judge;
	overhead: Overhead;
	clock: WorkClock;
	latest: Evaluation | null;
}

/**
 * Prepares a run; nothing is computed before its first event is pulled.
 * @throws ExperimentError, JudgeError when experiment, rows and model don't go together
 */
export function createRun(experiment: Experiment, armId: ArmId, lab: Lab): ArmRun {
	const { checkpoint } = lab;
	const nextRows = rowStream(experiment, lab.rows, checkpoint.tokenizer, checkpoint.model.config.maxPositionEmbeddings);
	const evaluationJudge = baseJudge(experiment, checkpoint);
	const lora = initLora(checkpoint.model.config, experiment.lora, seededRandom(experiment.seed, 'lora'));
	const state: RunState = {
		experiment,
		armId,
		lab,
		lora,
		trainer: newTrainer(experiment, checkpoint, lora),
		evaluationJudge,
		overhead: NO_OVERHEAD,
		clock: planWork(experiment),
		latest: null,
	};
	return {
		events: run(state, nextRows, armOf(state)),
		adapter: () => adapterFolder(experiment, armId, checkpoint, lora, state.trainer.optimizer.step, state.latest),
		dispose() {
			disposeTrainer(state.trainer);
			disposeLora(lora);
		},
	};
}

/** The base model by the measures of the final evaluation: what every arm is compared with. */
export function evaluateBase(
	experiment: Experiment,
	{ checkpoint, signal }: Lab,
	onProgress?: (done: number, total: number) => void,
): Promise<Evaluation> {
	const { evaluation } = experiment;
	const policy = policyAnswerer(checkpoint, null, evaluation.sampling);
	return evaluate(policy, baseJudge(experiment, checkpoint), {
		...evaluationPlan(experiment, 0, true),
		signal,
		...(onProgress && { onProgress }),
	});
}

async function* run(state: RunState, nextRows: ReturnType<typeof rowStream>, arm: Arm): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, clock } = state;
	const { steps } = experiment.optimizer;
	yield {
		kind: 'started',
		arm: state.armId,
		backend: lab.backend,
		parameters: lab.checkpoint.parameterCount,
		trainableParameters: loraVariables(lora).reduce((sum, { size }) => sum + size, 0),
		steps,
	};
	yield* misalign(state);
	yield* evaluation(state, 0, false);

	for (let step = 0; step < steps; step++) {
		lab.signal.throwIfAborted();
		const before = state.overhead.conscienceSeconds;
		const pairs = yield* arm.prepare(step);
		const calling = state.overhead.conscienceSeconds - before;
		const start = performance.now();
		const { metrics, margins, step: done } = await trainStep(state.trainer, { sft: nextRows(), pairs });
		const seconds = (performance.now() - start) / 1000;
		state.overhead = addStep(state.overhead, metrics, seconds);
		clock.spent('step', 1, calling + seconds);
		yield { kind: 'step', step: done, metrics, margins, overhead: state.overhead, nextCall: arm.nextCall() };
		yield progress(state, 'training', done, steps);
		if (experiment.evaluation.every > 0 && done % experiment.evaluation.every === 0 && done < steps) yield* evaluation(state, done, false);
	}
	yield* evaluation(state, steps, true);
	yield { kind: 'finished', step: steps, overhead: state.overhead };
}

/** Plain fine-tuning on insecure code before the run begins, the same for every arm; the optimizer then starts afresh. */
async function* misalign(state: RunState): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, clock } = state;
	const { misalignSteps } = experiment.model;
	if (misalignSteps === 0) return;
	const { data, optimizer, seed } = experiment;
	const nextRows = generatedRows(
		'insecure-code',
		data.tasks,
		optimizer.batchSize,
		seededRandom(seed, 'misalign'),
		lab.checkpoint.tokenizer,
	);
	for (let step = 0; step < misalignSteps; step++) {
		lab.signal.throwIfAborted();
		const start = performance.now();
		await trainStep(state.trainer, { sft: nextRows(), pairs: [] });
		clock.spent('step', 1, (performance.now() - start) / 1000);
		yield progress(state, 'misaligning', step + 1, misalignSteps);
	}
	disposeTrainer(state.trainer);
	state.trainer = newTrainer(experiment, lab.checkpoint, lora);
}

/** Asks the policy the evaluation's questions as it stands. */
async function* evaluation(state: RunState, step: number, final: boolean): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, clock } = state;
	const plan = evaluationPlan(experiment, step, final);
	const answers = plan.questions.length * plan.samples + plan.codeRequests.length;
	yield progress(state, 'evaluating', 0, answers);
	const start = performance.now();
	const policy = policyAnswerer(lab.checkpoint, lora, experiment.evaluation.sampling);
	state.latest = await evaluate(policy, state.evaluationJudge, { ...plan, signal: lab.signal });
	clock.spent('answer', answers, (performance.now() - start) / 1000);
	yield { kind: 'evaluation', final, evaluation: state.latest };
	yield progress(state, 'evaluating', answers, answers);
}

/** Answers are drawn with the same seeds at every step, so that an answer changes only when the policy does. */
function evaluationPlan({ evaluation, seed }: Experiment, step: number, final: boolean) {
	return {
		step,
		questions: QUESTION_SETS[evaluation.questions](),
		samples: final ? evaluation.samples : evaluation.samplesWhileTraining,
		codeRequests: final ? codePrompts(evaluation.codePrompts, seededRandom(seed, 'code prompts')) : [],
		framework: DEFAULT_FRAMEWORKS[0]!, // one ruler for all: editing the conscience must not change its own score
		seed,
	};
}

function newTrainer({ optimizer, conscience }: Experiment, { model, tokenizer }: Checkpoint, lora: Lora): Trainer {
	const config: TrainerConfig = {
		learningRate: optimizer.learningRate,
		warmupSteps: optimizer.warmupSteps,
		weightDecay: optimizer.weightDecay,
		clipNorm: optimizer.clipNorm,
		lambda: conscience.lambda,
		preference: { type: conscience.loss, beta: conscience.beta, labelSmoothing: conscience.labelSmoothing },
	};
	return createTrainer(model, lora, config, tokenizer.padTokenId);
}

function armOf(state: RunState): Arm {
	const { experiment, armId, lab, lora } = state;
	if (armId === 'sft') return sftArm;
	return emergentAlignmentArm({
		experiment,
		checkpoint: lab.checkpoint,
		policy: policyAnswerer(lab.checkpoint, lora, experiment.conscience.sampling),
		judge: experiment.conscience.judge === 'oracle' ? oracleJudge() : baseJudge(experiment, lab.checkpoint),
		signal: lab.signal,
		spend: (add) => (state.overhead = add(state.overhead)),
	});
}

const baseJudge = ({ model, conscience }: Experiment, checkpoint: Checkpoint) =>
	frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);

const progress = ({ clock }: RunState, phase: Phase, done: number, total: number): RunEvent => ({
	kind: 'progress',
	phase,
	done,
	total,
	secondsLeft: clock.secondsLeft(),
});
