import {
	type CadenceState,
	type LessonState,
	NOTHING_SETTLED,
	afterCall,
	afterLesson,
	restartCadence,
	startCadence,
} from '$lib/conscience/cadence';
import { type Framework, frameworkHash } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { importedJudge, type VerdictFile } from '$lib/conscience/importedJudge';
import { type Judge, type JudgeIdentity, JudgeLostError } from '$lib/conscience/judge';
import { oracleJudge } from '$lib/conscience/oracleJudge';
import { remember, replay } from '$lib/conscience/pairBuffer';
import { policyAnswerer } from '$lib/conscience/policy';
import { type ConscienceCall, conscienceStep } from '$lib/conscience/step';
import { type ReferencedPair, type TokenPair, withReference } from '$lib/dpo/pairs';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';
import { pick, type RandomState, resumedRandom, sampleWithoutReplacement, seededRandom } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';
import { consciencePrompts, trueLabel } from '$world/index';

import { completionTokens } from './data';
import type { Overhead, PairRecord, RefusedAlternative, RunEvent, VerdictRecord } from './events';
import { addCall } from './meter';
import type { Experiment } from './schema';
import { verdictFileFor } from './verdictFile';

/** What a method adds to plain fine-tuning. */
export interface Arm {
	/**
	 * Works before optimizer step `step` (counted from 0), tells what it did, and returns the pairs that the step learns from.
	 * @throws JudgeLostError with nothing changed: it can be asked for the same step again
	 */
	prepare(step: number): AsyncGenerator<RunEvent, readonly ReferencedPair[]>;
	/** Hears the mean of L_DPO over the pairs that step `step` learned from, before their update. */
	learned(step: number, loss: number): void;
	/** The step before which the conscience is called next; null for a method without one. */
	nextCall(): number | null;
	/** Takes the experiment over that has replaced `before`, from `step` on. */
	adjust(before: Experiment, step: number): void;
	/** What the method carries from step to step; null when it carries nothing. */
	state(): ConscienceState | null;
}

/** Plain supervised fine-tuning: nothing is added. */
export const sftArm: Arm = {
	// eslint-disable-next-line require-yield -- nothing happens before a step, so there is nothing to tell
	async *prepare() {
		return [];
	},
	learned() {},
	nextCall: () => null,
	adjust() {},
	state: () => null,
};

/** The conscience between two steps. */
export interface ConscienceState {
	/** Draws framework and questions of each call. */
	questions: RandomState;
	replays: RandomState;
	cadence: CadenceState;
	lessons: LessonState;
	/** Pairs kept for replay, the oldest first. */
	buffer: readonly ReferencedPair[];
	calls: number;
}

export interface ConscienceContext {
	/** The experiment as it stands: it may change from one step to the next. */
	experiment: () => Experiment;
	checkpoint: Checkpoint;
	lora: Lora;
	signal: AbortSignal;
	/** The judge outside of the trainer; null while there is none. */
	judge: (sampling: Sampling) => Judge | null;
	/** The files of verdicts that were given. */
	verdictFiles: () => readonly VerdictFile[];
	/** Adds to the run's cost. */
	spend: (add: (overhead: Overhead) => Overhead) => void;
}

/**
 * Emergent Alignment (arXiv 2606.19527): at its cadence the conscience reads answers of the policy and writes preferences,
 * which L_DPO learns in every `dpoEvery`-th step, the newest with a replay of older ones.
 * With `from` the arm goes on from there.
 */
export function emergentAlignmentArm(context: ConscienceContext, from?: ConscienceState): Arm {
	const { conscience: first, seed } = context.experiment();
	let questions = from ? resumedRandom(from.questions) : seededRandom(seed, 'conscience questions');
	const replays = from ? resumedRandom(from.replays) : seededRandom(seed, 'conscience replay');
	let cadence = from?.cadence ?? startCadence(first.cadence);
	let lessons = from?.lessons ?? NOTHING_SETTLED;
	let buffer = from?.buffer ?? [];
	let calls = from?.calls ?? 0;

	return {
		async *prepare(step) {
			const { conscience, optimizer } = context.experiment();
			if (step >= cadence.nextCall) {
				yield { kind: 'progress', phase: 'conscience', done: step, total: optimizer.steps, secondsLeft: null };
				const undrawn = questions.state();
				const framework = pick(questions, conscience.frameworks);
				const asked = sampleWithoutReplacement(questions, consciencePrompts(), conscience.promptsPerCall);
				const answered = callConscience(context, framework, asked, `${step}`, calls).catch((error: unknown) => {
					questions = resumedRandom(undrawn); // whoever asks again asks the same
					throw error;
				});
				const { call, judge, pairs, seconds } = await answered;
				calls++;
				buffer = remember(buffer, pairs, conscience.bufferSize);
				if (pairs.length > 0) lessons = NOTHING_SETTLED;
				const flagged = call.reviewed.filter((review) => review.flagged).length;
				cadence = afterCall(conscience.cadence, cadence, step, flagged / call.reviewed.length);
				const referenceTokens = pairs.reduce(
					(sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length,
					0,
				);
				context.spend((overhead) => addCall(overhead, call, referenceTokens, seconds));
				const records = toRecords(call, judge, step, framework.id, await frameworkHash(framework));
				yield { kind: 'verdicts', step, verdicts: records.verdicts, refused: records.refused };
				if (records.pairs.length > 0) yield { kind: 'pairs', step, pairs: records.pairs };
			}
			const due = buffer.length > 0 && step % conscience.dpoEvery === 0 && step >= lessons.restUntil;
			return due && conscience.lambda > 0 ? replay(buffer, conscience.pairsPerStep, replays) : [];
		},
		learned(step, loss) {
			lessons = afterLesson(context.experiment().conscience, lessons, step, loss);
		},
		nextCall: () => cadence.nextCall,
		adjust(before, step) {
			const { conscience } = context.experiment();
			if (JSON.stringify(conscience.cadence) !== JSON.stringify(before.conscience.cadence))
				cadence = restartCadence(conscience.cadence, cadence, step);
			buffer = remember(buffer, [], conscience.bufferSize);
		},
		state: () => ({ questions: questions.state(), replays: replays.state(), cadence, lessons, buffer, calls }),
	};
}

/** The judge that the experiment names. @throws JudgeError; JudgeLostError where it is outside of the trainer and not there */
function judgeOf(experiment: Experiment, { checkpoint, judge, verdictFiles }: ConscienceContext): Judge {
	const { model, conscience } = experiment;
	const frozenSelf = () => frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);
	switch (conscience.judge) {
		case 'oracle':
			return oracleJudge();
		case 'frozen-self':
			return frozenSelf();
		case 'imported':
			return importedJudge(verdictFileFor(experiment, verdictFiles()), frozenSelf());
		case 'webllm': {
			const outside = judge(conscience.sampling);
			if (outside) return outside;
			throw new JudgeLostError('There is no WebLLM judge here.');
		}
	}
}

/** One call of the conscience, and its pairs with the reference's log-probs. */
async function callConscience(
	context: ConscienceContext,
	framework: Framework,
	questions: readonly string[],
	step: string,
	callIndex: number,
): Promise<{ call: ConscienceCall; judge: JudgeIdentity; pairs: ReferencedPair[]; seconds: number }> {
	const start = performance.now();
	const { checkpoint, lora, signal } = context;
	const experiment = context.experiment();
	const { sampling, threshold } = experiment.conscience;
	const policy = policyAnswerer(checkpoint, lora, sampling);
	const seeds = questions.map((_, i) => ((experiment.seed * 7919 + callIndex) * 1009 + i) % 2 ** 31);
	const judge = judgeOf(experiment, context);
	const call = await conscienceStep(policy, judge, { questions, framework, threshold, seeds, signal });
	const { tokenizer, model } = checkpoint;
	const pairs = call.reviewed.flatMap(({ question, answer, ended, alternative }, i): TokenPair[] => {
		if (!alternative?.passed) return [];
		return [
			{
				id: recordId(step, i),
				prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
				chosen: completionTokens(alternative.answer, tokenizer),
				rejected: ended ? completionTokens(answer, tokenizer) : tokenizer.encode(answer),
			},
		];
	});
	const referenced = await withReference(model, pairs);
	return { call, judge: judge.identity, pairs: referenced, seconds: (performance.now() - start) / 1000 };
}

/** What the call found, as the run's record keeps it. A verdict and its pair have one id. */
function toRecords(
	{ reviewed }: ConscienceCall,
	judge: JudgeIdentity,
	step: number,
	frameworkId: string,
	hash: string,
): { verdicts: VerdictRecord[]; pairs: PairRecord[]; refused: RefusedAlternative[] } {
	const verdicts = reviewed.map(({ question, answer, verdict, flagged }, i) => ({
		id: recordId(`${step}`, i),
		step,
		frameworkId,
		frameworkHash: hash,
		question,
		answer,
		judge,
		verdict,
		trueLabel: trueLabel(answer),
		flagged,
	}));
	const pairs: PairRecord[] = [];
	const refused: RefusedAlternative[] = [];
	reviewed.forEach(({ question, answer, alternative }, i) => {
		if (!alternative) return;
		const { answer: chosen, verdict, passed } = alternative;
		const id = recordId(`${step}`, i);
		if (passed)
			pairs.push({
				id,
				verdictId: id,
				step,
				question,
				chosen,
				rejected: answer,
				chosenVerdict: verdict,
				chosenTrueLabel: trueLabel(chosen),
			});
		else refused.push({ verdictId: id, answer: chosen, verdict });
	});
	return { verdicts, pairs, refused };
}

const recordId = (step: string, index: number) => `${step}-${index}`;
