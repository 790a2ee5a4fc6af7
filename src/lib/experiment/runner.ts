import { gateHash } from '$lib/conscience/gate';
import type { VerdictFile } from '$lib/conscience/importedJudge';
import { currentSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { Exchange } from '$lib/conscience/judge';
import { policyAnswerer } from '$lib/conscience/policy';
import { disposeTrainer, trainStep } from '$lib/dpo/trainer';
import type { RowReader } from '$lib/evaluation/askProbes';
import { evaluate } from '$lib/evaluation/evaluate';
import { answeredAt, type Evaluation } from '$lib/evaluation/evaluation';
import { planSize } from '$lib/evaluation/plan';
import { readRows } from '$lib/evaluation/readRows';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';

import { type AdapterFolder, adapterFolder, type AdapterOptions, type TrainedAdapter } from './adapterFolder';
import { ORGANISM_GATE } from './arms/gated';
import { askModels, type Asked, type AskedAnswer } from './ask';
import { baseJudge } from './baseJudge';
import { tokenizeRow } from './data';
import { evaluationPlan, isEvaluationDue, RULER } from './evaluationPlan';
import type { GateSavings, MidRunChange, Phase, RunEvent } from './events';
import { lookInside, readAuthors } from './inside';
import { changesBetween, checkLive } from './live';
import { addStep, endedEarly, gateInWords, memoryInWords, savedSeconds } from './meter';
import { experimentOf, METHODS } from './methods/all';
import type { Lesson } from './methods/index';
import {
	baseLetters,
	checkConscience,
	disposeState,
	type Lab,
	newTrainer,
	ownQuestions,
	type RunState,
	stateOf,
	takeSnapshot,
	trainerConfig,
} from './runState';
import type { ArmId, Experiment } from './schema';
import { checkSnapshot, type RunSnapshot } from './snapshot';
import { planWork } from './workClock';

export type { Lab };

/** One arm of an experiment on its way. Pull `events` to go on; stop pulling to pause. All else is for between two events. */
export interface ArmRun {
	events: AsyncGenerator<RunEvent, void>;
	/** Between two steps, where a snapshot can be taken: not while a step has begun, nor after it broke off. */
	settled(): boolean;
	/** The run as it stands, to go on from later. @throws RunStateError unless the run is settled */
	snapshot(): Promise<RunSnapshot>;
	/**
	 * The experiment from the next step on, which a `change` event then tells of; steps that misalign the model first stay as they are.
	 * @throws RunStateError that names the field which a run can't take over, ExperimentError when a framework doesn't fit the model, or the
	 * experiment is judged by verdicts that were not given
	 */
	adjust(experiment: Experiment, verdictFile?: VerdictFile | null): void;
	/** Puts a reader's own question; leaves the run as it is. @throws QuestionError */
	ask(
		question: string,
		who: readonly Asked[],
		seed: number,
		onText: (who: Asked, text: string) => void,
		signal?: AbortSignal,
	): Promise<AskedAnswer[]>;
	/** The adapter as it is now, as a PEFT folder with the experiment and a model card. */
	adapter(options?: AdapterOptions): Promise<AdapterFolder>;
	/** Frees the adapter and the optimizer. The checkpoint stays with the caller. */
	dispose(): void;
}

/**
 * Prepares a run, from step 0 or from where `from` stands; nothing is computed before its first event is pulled. A run that goes on tells
 * what comes after the snapshot, number for number as it would have without the break (on the same backend; seconds differ).
 * @throws ExperimentError, JudgeError when experiment, rows and model don't go together; SnapshotError when the run can't go on from there
 */
export function createRun(experiment: Experiment, armId: ArmId, lab: Lab, from?: RunSnapshot): ArmRun {
	const { checkpoint } = lab;
	const snapshot = from ? checkSnapshot(from, experiment, armId, checkpoint.sha256) : null;
	const state = stateOf(snapshot?.experiment ?? experiment, armId, lab, snapshot);
	return {
		events: run(state, snapshot !== null),
		settled: () => !state.midStep,
		snapshot: () => takeSnapshot(state),
		adjust(changed, verdictFile) {
			checkLive(changesBetween(state.experiment, changed));
			const files = verdictFile
				? [...state.verdictFiles.filter(({ digest }) => digest !== verdictFile.digest), verdictFile]
				: state.verdictFiles;
			checkConscience(changed, armId, files, checkpoint);
			state.verdictFiles = files;
			state.adjusted = changed;
		},
		ask: (question, who, seed, onText, signal) =>
			askModels(checkpoint, state.arm.asked(), state.lora, state.evaluationJudge, {
				...{ question, who, seed, onText },
				sampling: state.experiment.evaluation.sampling,
				...(signal && { signal }),
			}),
		adapter(options) {
			const { experiment, lora, changes } = state;
			return adapterFolder({ experiment, arm: armId, checkpoint, lora, changes, ...adapterNow(state) }, options);
		},
		dispose: () => disposeState(state),
	};
}

/** Whose adapter it is, and what is known of it: one that was given back is of an earlier step than evaluations of before that. */
function adapterNow({ arm, step, trainer, latest }: RunState): Pick<TrainedAdapter, 'step' | 'endedAfter' | 'evaluation'> {
	const kept = arm.keptStep();
	if (kept === null) return { step: Math.max(0, step), evaluation: latest };
	return { step: kept, endedAfter: trainer.optimizer.step, evaluation: latest && answeredAt(latest) <= kept ? latest : null };
}

/** The base model by the measures of the final evaluation: what every arm is compared with. */
export function evaluateBase(experiment: Experiment, lab: Lab, onProgress?: (done: number, total: number) => void): Promise<Evaluation> {
	const { checkpoint, signal } = lab;
	const policy = policyAnswerer(checkpoint, null, experiment.evaluation.sampling);
	const plan = { ...evaluationPlan(experiment, 0, true, ownQuestions(experiment, lab)), signal, ...(onProgress && { onProgress }) };
	return evaluate(policy, baseJudge(experiment, checkpoint), plan, rowReader(checkpoint, null), baseLetters(experiment, checkpoint));
}

/** The policy (base + adapter; null is the base alone) as something that reads rows of the narrow task. */
const rowReader =
	({ model, tokenizer }: Checkpoint, lora: Lora | null): RowReader =>
	(rows, signal) => {
		const sequences = rows.map(
			({ request, answer }) =>
			tokenizeRow({ messages: [{ role: 'user', content: request }, { role: 'assistant', content: answer }] }, tokenizer), // prettier-ignore
		);
		return readRows(model, lora, sequences, signal);
	};

/** Between two steps `state` says by itself what comes next, so that a run goes on from a snapshot by the same way as from the start. */
async function* run(state: RunState, resumed: boolean): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, armId } = state;
	const { steps } = experiment.optimizer;
	if (state.finished) return;
	if (!resumed) {
		yield {
			kind: 'started',
			arm: armId,
			backend: lab.backend,
			parameters: lab.checkpoint.parameterCount,
			trainableParameters: lora.weights.size,
			steps,
		};
	}
	for (;;) {
		if (isEvaluationDue(experiment, state.step) && state.latest?.step !== state.step) yield* evaluation(state);
		if (state.step === steps) break;
		lab.signal.throwIfAborted();
		if (state.step < 0) yield* misalignStep(state);
		else yield* step(state);
	}
	state.finished = true;
	const done = state.trainer.optimizer.step;
	if (done < steps) state.overhead = endedEarly(state.overhead, done / steps);
	if (state.overhead.gate) yield await gateNote(done, state.overhead.gate);
	const { memory } = state.overhead;
	if (memory) yield { kind: 'note', step: done, text: memoryInWords(memory), values: { ...memory } };
	yield { kind: 'finished', step: done, ...givenBack(state), overhead: state.overhead };
}

/** What the gate did in all, and which it was. */
async function gateNote(step: number, savings: GateSavings): Promise<RunEvent> {
	const { judged, passed, savedTokens } = savings;
	const text = `${gateInWords(savings)} SHA-256 of the gate: ${await gateHash(ORGANISM_GATE)}.`;
	return { kind: 'note', step, text, values: { judged, passed, savedTokens, savedSeconds: savedSeconds(savings) ?? 0 } };
}

/** Of a copy that was given an earlier adapter back, whose that is. */
function givenBack({ arm }: RunState): { adapterStep?: number } {
	const kept = arm.keptStep();
	return kept === null ? {} : { adapterStep: kept };
}

/** One step of the run: what the arm adds to it, L = L_SFT + λ·L_DPO (or what the arm has in its place), and what it does afterwards. */
async function* step(state: RunState): AsyncGenerator<RunEvent, void> {
	yield* takeChangesOver(state);
	const { arm, trainer, clock } = state;
	const before = state.overhead.conscienceSeconds;
	state.midStep = true;
	const lesson = yield* prepare(state);
	if (!lesson) return;
	const calling = state.overhead.conscienceSeconds - before;
	const start = performance.now();
	const { rows: added = [], ...terms } = lesson;
	const { metrics, margins, step: done } = await trainStep(trainer, { pairs: [], ...terms, sft: [...state.rows.next(), ...added] });
	const seconds = (performance.now() - start) / 1000;
	if (metrics['loss/dpo'] !== null) arm.learned(state.step, metrics['loss/dpo']); // by which lessons rest
	const addedTokens = added.reduce((sum, { prompt, completion }) => sum + prompt.length + completion.length, 0);
	state.overhead = addStep(state.overhead, metrics, addedTokens, seconds);
	const ended = yield* arm.after(done);
	const { steps } = state.experiment.optimizer;
	state.step = ended ? steps : done; // what comes next: of a training that has ended, what comes after its last step
	if (ended) state.clock = planWork(state.experiment, steps, false);
	state.midStep = false;
	clock.spent('step', 1, calling + seconds);
	yield { kind: 'step', step: done, metrics, margins, overhead: state.overhead, nextCall: arm.nextCall() };
	yield progress(state, 'training', state.step, steps);
}

/** What the arm adds to the step; null when its judge could not be asked, and the run stands before the step as it did. */
async function* prepare(state: RunState): AsyncGenerator<RunEvent, Lesson | null> {
	try {
		return yield* state.arm.prepare(state.step);
	} catch (error) {
		if (!(error instanceof Error) || error.name !== 'JudgeLostError') throw error; // by name: it may come from another worker
		state.midStep = false;
		yield { kind: 'judgeLost', step: state.step, reason: error.message };
		return null;
	}
}

/** Puts an experiment that was changed meanwhile in the place of the one so far. */
async function* takeChangesOver(state: RunState): AsyncGenerator<RunEvent, void> {
	const { experiment: before, adjusted } = state;
	if (!adjusted) return;
	state.adjusted = null;
	const changes = changesBetween(before, adjusted);
	if (changes.length === 0) return; // changed and changed back
	state.experiment = adjusted;
	state.trainer.config = trainerConfig(experimentOf(state.armId, adjusted));
	state.arm.adjust(experimentOf(state.armId, before), state.step);
	const change: MidRunChange = { step: state.step, changes };
	state.changes = [...state.changes, change];
	yield { kind: 'change', ...change };
}

/** One step of plain fine-tuning on insecure code before the run begins, the same for every arm; after the last the optimizer starts afresh. */
async function* misalignStep(state: RunState): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, clock } = state;
	const { misalignSteps } = experiment.model;
	state.midStep = true;
	const start = performance.now();
	await trainStep(state.trainer, { sft: state.misalignRows.next(), pairs: [] });
	clock.spent('step', 1, (performance.now() - start) / 1000);
	state.step++;
	if (state.step === 0) {
		disposeTrainer(state.trainer);
		state.trainer = newTrainer(experimentOf(state.armId, experiment), lab.checkpoint, lora);
	}
	state.midStep = false;
	yield progress(state, 'misaligning', misalignSteps + state.step, misalignSteps);
}

/** Asks the policy the evaluation's questions as it stands. */
async function* evaluation(state: RunState): AsyncGenerator<RunEvent, void> {
	const { experiment, lab, lora, clock } = state;
	const final = state.step === experiment.optimizer.steps;
	const plan = evaluationPlan(experiment, state.step, final, state.questions);
	const answers = planSize(plan);
	yield progress(state, 'evaluating', 0, answers);
	const start = performance.now();
	const asked = state.arm.asked();
	const policy = policyAnswerer(asked, lora, experiment.evaluation.sampling);
	const found = await evaluate(policy, state.evaluationJudge, { ...plan, signal: lab.signal }, rowReader(asked, lora), state.letters);
	state.latest = { ...found, ...givenBack(state) };
	clock.spent('answer', answers, (performance.now() - start) / 1000);
	state.authors ??= await readAuthors(lab.checkpoint, experiment.seed);
	const inside = await lookInside(asked, lora, state.authors, state.latest.rows);
	yield { kind: 'evaluation', final, evaluation: state.latest, inside };
	if (final) yield* finding(state, state.latest);
	yield progress(state, 'evaluating', answers, answers);
}

/** What the method wants to know of the answers beyond their metrics: the policy is asked once more, for its own verdicts. */
async function* finding(state: RunState, { rows }: Evaluation): AsyncGenerator<RunEvent, void> {
	const { experiment, lora, armId, step } = state;
	const { finding: find } = METHODS[armId];
	if (!find) return;
	const self = currentSelfJudge(state.arm.asked(), lora, experiment.model.checkpoint, experiment.conscience.sampling);
	const confess = async (exchanges: readonly Exchange[]) => (await self.verdicts(exchanges, RULER, state.lab.signal)).verdicts;
	yield { kind: 'note', step, ...(await find(rows, confess)) };
}

const progress = ({ clock }: RunState, phase: Phase, done: number, total: number): RunEvent => ({
	kind: 'progress',
	phase,
	done,
	total,
	secondsLeft: clock.secondsLeft(),
});
