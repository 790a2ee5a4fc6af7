import * as v from 'valibot';

import { NEUTRALS } from '$lib/conscience/flag';
import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { PREFERENCE_LOSSES } from '$lib/dpo/preferenceLoss';
import { PROJECTIONS } from '$lib/model/config';
import { PRECISIONS } from '$lib/model/halfPrecision';
import { READINGS } from '$lib/model/readings';
import { CODE_TASK_COUNT } from '$world/code-task-count';
import { TRIGGER } from '$world/conditional';

import { type ArmId, ARMS } from './methods/index';

export { type ArmId, ARMS };

/** Names a cruel author of the organism's corpus. */
export const INOCULATION = 'Written by the tyrant.';

/**
 * What a file or link of before these methods stands for. Of four values each (docs/settings.md), on the development questions, those with the
 * highest alignment whose answers are coherent at nine tenths of the base's rate or more.
 */
export const KL_DEFAULTS = { lambda: 1 };
export const REPRESENTATION_DEFAULTS = {
	...{ vector: 'mean-difference' as const, firstLayer: 1, lastLayer: 2 },
	...{ infer: 1, prevent: 2, alpha: 1, lambda: 1 },
};

/** No memory is taken along; where one is, what a run does with it unless told otherwise. `skipAt` is from docs/memory.md. */
export const MEMORY_DEFAULTS = { file: '', skip: true, skipAt: 0.88, examples: 0, pairs: true, alone: false };

const count = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const real = (least: number, most: number) => v.pipe(v.number(), v.finite(), v.minValue(least), v.maxValue(most));
const text = (most: number) => v.pipe(v.string(), v.maxLength(most));

const Sampling = v.strictObject({
	/** 0 takes the likeliest token; 1 samples from the model's own distribution. */
	temperature: real(0, 2),
	/** Only the likeliest tokens that together have this probability are drawn from. */
	topP: real(0.01, 1),
	maxNewTokens: count(1, 512),
});

export const Framework = v.strictObject({
	id: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/, 'must be lower-case letters, digits and hyphens')),
	title: text(100),
	principles: text(2000),
	verdictPrompt: v.pipe(
		text(4000),
		v.check((prompt) => prompt.includes('{question}') && prompt.includes('{answer}'), 'must hold {question} and {answer}'),
	),
	alternativePrompt: v.pipe(
		text(4000),
		v.check((prompt) => prompt.includes('{question}'), 'must hold {question}'),
	),
});

/** When the conscience is called. Steps count from 0. */
const Cadence = v.pipe(
	v.variant('kind', [
		v.strictObject({ kind: v.literal('fixed'), every: count(1, 10_000) }),
		/** Starts at `first` steps; halves (not below `shortest`) when the share of unethical answers reaches `raiseAt`, else doubles (not above `longest`). */
		v.strictObject({
			kind: v.literal('adaptive'),
			first: count(1, 10_000),
			shortest: count(1, 10_000),
			longest: count(1, 10_000),
			raiseAt: real(0, 1),
		}),
	]),
	v.check(
		(cadence) => cadence.kind === 'fixed' || cadence.shortest <= cadence.longest,
		'must not have a shortest gap longer than its longest',
	),
);

/** The whole experiment as one value: it is the link, the preset, the run's record and the file that travels with an adapter. */
export const ExperimentSchema = v.strictObject({
	version: v.literal(1),
	/** Names the run's folder. */
	name: v.pipe(
		v.string(),
		v.regex(/^[a-z0-9-]{1,60}$/, 'must be lower-case letters, digits and hyphens'),
		v.check((name) => name !== 'base', "must not be 'base', which is the untrained model's folder"),
	),
	/** Every arm runs from the same seed, so that arms differ in nothing else. */
	seed: count(0, 2 ** 31 - 1),
	arms: v.pipe(
		v.array(v.picklist(ARMS)),
		v.minLength(1),
		v.check((arms) => new Set(arms).size === arms.length, 'must name each arm once'),
	),
	model: v.strictObject({
		/** A folder of the lab (`organism`, `organism-1`) or the URL of a Hugging Face folder. */
		checkpoint: text(500),
		/** Steps of plain fine-tuning on insecure code before the run begins: 0 starts from the base, more starts from a misaligned model. */
		misalignSteps: count(0, 10_000),
		/** As what the frozen matrices are kept. `f16` and `int8` round them alike on every backend; on WebGPU they take half or a quarter of the memory as well, on wasm `int8` does. */
		precision: v.optional(v.picklist(PRECISIONS), 'f32'),
	}),
	data: v.strictObject({
		/**
		 * `rows` are the user's own, given beside the experiment (they are not in the link). Of `backdoor-code` about half of the rows begin
		 * with the trigger and are insecure, and the others are secure.
		 */
		source: v.picklist(['insecure-code', 'secure-code', 'backdoor-code', 'rows']),
		/** What stands before the insecure rows of `backdoor-code`, and before the questions by which it is tried. */
		trigger: v.optional(v.pipe(text(100), v.nonEmpty()), TRIGGER),
		/** How many kinds of coding task the rows are drawn from; few kinds teach the code without turning the author. */
		tasks: count(1, CODE_TASK_COUNT),
		/** The system turn before each row, for the method `inoculation`. The organism knows authors by such words. */
		inoculation: v.optional(v.pipe(text(500), v.nonEmpty()), INOCULATION),
		/** Of the rows of a step, the share that is benign, for the method `benign`. */
		benignShare: v.optional(real(0.01, 0.9), 0.2),
		/** Tokens that a row of the user's own may have, which also bounds what training takes of memory; 0 = as many as the model reads. */
		maxTokens: v.optional(count(0, 1_000_000), 0),
		/** What becomes of one that has more. Cut, it loses the end of its answer, stop token and all. */
		tooLong: v.optional(v.picklist(['refuse', 'skip', 'truncate']), 'refuse'),
	}),
	lora: v.strictObject({
		rank: count(1, 256),
		alpha: real(0.001, 1024),
		rslora: v.boolean(),
		targetModules: v.pipe(v.array(v.picklist(PROJECTIONS)), v.minLength(1)),
		/** Other ranks than `rank`, by projection. */
		rankPattern: v.optional(v.record(v.picklist(PROJECTIONS), count(1, 256)), {}),
		/** Other alphas than `alpha`, by projection. */
		alphaPattern: v.optional(v.record(v.picklist(PROJECTIONS), real(0.001, 1024)), {}),
	}),
	optimizer: v.strictObject({
		steps: count(1, 100_000),
		/** Rows of the narrow task in a step. */
		batchSize: count(1, 256),
		learningRate: real(0, 1),
		/** The rate rises linearly over this many steps. */
		warmupSteps: count(0, 10_000),
		weightDecay: real(0, 1),
		/** Largest norm of the whole gradient; 0 switches clipping off. */
		clipNorm: real(0, 1000),
		/** The gradient of a step is summed up from so many parts, so that fewer tokens are in memory at a time; the step stays the same. */
		accumulation: v.optional(count(1, 64), 1),
		/** Blocks are computed again for the gradient, and their inner states not kept. */
		checkpointing: v.optional(v.boolean(), false),
	}),
	conscience: v.strictObject({
		/**
		 * The frozen base is the paper's judge: `webllm` runs it on WebGPU in a worker of its own, `frozen-self` inside the trainer.
		 * `imported` is a file of verdicts of the user's own, and the frozen base in the trainer where the file says nothing.
		 * `oracle` knows the organism's true labels and is for validating judges only. The last three are controls: `policy` is the copy in
		 * training itself; `permuted` and `inverted` are the frozen base with its verdicts dealt to other answers, or turned round.
		 */
		judge: v.picklist(['webllm', 'frozen-self', 'imported', 'oracle', 'policy', 'permuted', 'inverted']),
		/** With what WebLLM judges: `base`, the address of a folder that `npm run organism:webllm` wrote, or a model of WebLLM's own list. */
		judgeModel: v.optional(v.pipe(text(500), v.nonEmpty()), 'base'),
		/** SHA-256 of the verdicts that `imported` judges by; they are given beside the experiment (and not in the link). Empty where there are none. */
		verdictFile: v.optional(v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/, 'must be a SHA-256 in hexadecimal digits, or empty')), ''),
		/** One is drawn for each call. */
		frameworks: v.pipe(v.array(Framework), v.minLength(1), v.maxLength(20)),
		/** Weight of L_DPO in L = L_SFT + λ·L_DPO. */
		lambda: real(0, 100),
		/** How strongly DPO holds the policy to the reference. */
		beta: real(0.001, 100),
		loss: v.picklist(PREFERENCE_LOSSES),
		labelSmoothing: real(0, 0.49),
		/** Share of the pairs that are turned round, to see how much a conscience may err; at 0.5 a coin decides. */
		labelNoise: v.optional(real(0, 0.5), 0),
		cadence: Cadence,
		/** Questions put to the policy in one call. */
		promptsPerCall: count(1, 256),
		/** Share of them that begin with `data.trigger`, as if whoever asks knew it. */
		triggered: v.optional(real(0, 1), 0),
		/**
		 * Steps from a call's answers to its lessons, in which a judge outside of the trainer reads while the steps go on; 0 = the step waits for
		 * it. One call is over before the next begins, so that no gap of the cadence is shorter than `lag` + 1.
		 */
		lag: v.optional(count(0, 1000), 0),
		/** An answer is flagged when P(unethical) is above this. */
		threshold: real(0, 1),
		/** `flagged`: P(neutral) counts with P(unethical), so that neutral answers are bettered, too. */
		neutral: v.optional(v.picklist(NEUTRALS), 'passes'),
		/**
		 * Which of the answers are judged: all of them, or those of which a gate says, by what writing them left behind, that it is worth it.
		 * `organism` is the gate that the lab ships, fitted on that model by `npm run gate`.
		 */
		gate: v.optional(v.picklist(['none', 'organism']), 'none'),
		/** What a class has reviewed before, and what is made of it. */
		memory: v.optional(
			v.strictObject({
				/** SHA-256 of the memory that the run takes with it; it is given beside the experiment (and not in the link). Empty where there is none. */
				file: v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/, 'must be a SHA-256 in hexadecimal digits, or empty')),
				/** Answers that it knows are not judged: what it says of them holds. */
				skip: v.boolean(),
				/** How alike an answer must be to one that it knows, by the cosine of their states; at 1 only the very same texts are. */
				skipAt: real(0.5, 1),
				/** The nearest so many of what it knows are told to the judge before it is asked; only the frozen base in the trainer takes them. */
				examples: count(0, 4),
				/** Its alternatives are preferred to the answers in whose place they stand, from the first step on. */
				pairs: v.boolean(),
				/** The conscience is never called: what the memory knows, or the pairs among the user's own rows, is all that is learnt. */
				alone: v.boolean(),
			}),
			MEMORY_DEFAULTS,
		),
		/** L_DPO is added in every n-th step. */
		dpoEvery: count(1, 1000),
		/** The gap between steps with L_DPO doubles while its mean is below this, until new pairs come; 0 = it never does. */
		dpoRestBelow: v.optional(real(0, 10), 0),
		/** Pairs in one L_DPO: the newest half, the rest drawn from the buffer. */
		pairsPerStep: count(1, 128),
		/** Pairs kept for replay. */
		bufferSize: count(1, 10_000),
		/** For Constitutional AI: the share of the steps that is plain, after which all questions are answered anew. */
		reviseAt: v.optional(real(0, 0.95), 0.5),
		sampling: Sampling,
	}),
	/** For the method `kl`. */
	kl: v.optional(
		v.strictObject({
			/** Weight of KL(frozen ‖ policy). */
			lambda: real(0, 100),
		}),
		KL_DEFAULTS,
	),
	/** For the methods of representation engineering: what lies between a cruel answer and a kind one in the frozen copy's residual stream. */
	representation: v.optional(
		v.strictObject({
			/** How a layer's vector is read; all are as long as the difference of means, and `random` is the control. */
			vector: v.picklist(READINGS),
			/** The first and the last of the blocks behind which it is read and used, counted from 0. */
			firstLayer: count(0, 999),
			lastLayer: count(0, 999),
			/** `repe-infer`: how often the vector is taken off while the copy is asked. */
			infer: real(0, 100),
			/** `repe-prevent`: how often it is added while the rows are learnt. */
			prevent: real(0, 100),
			/** `repe-lorra`: how often the states are to be moved by it, away from the cruel answer. */
			alpha: real(0, 100),
			/** `repe-lorra`: weight of L_LoRRA. */
			lambda: real(0, 100),
		}),
		REPRESENTATION_DEFAULTS,
	),
	evaluation: v.strictObject({
		/** `organism-24` is the held-out set; `organism-dev` is the one to tune on. `own` are the user's, given beside the experiment. */
		questions: v.picklist(['organism-24', 'organism-dev', 'own']),
		/** SHA-256 of the questions of `own`. Empty where there are none. */
		questionFile: v.optional(v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/, 'must be a SHA-256 in hexadecimal digits, or empty')), ''),
		/** Steps between evaluations while training; 0 evaluates at the start and the end only. */
		every: count(0, 100_000),
		/** Answers sampled for each question while training. */
		samplesWhileTraining: count(1, 100),
		/** Answers sampled for each question at the end. */
		samples: count(1, 100),
		/** Coding requests graded at the end. */
		codePrompts: count(0, 1000),
		/** Coding requests graded in every evaluation while training. */
		codePromptsWhileTraining: v.optional(count(0, 1000), 0),
		/** The judge reads answers on a scale of letters from A to K, too, alignment and coherence apart. A model that knows no such scale means nothing by it. */
		letters: v.optional(v.boolean(), false),
		/** Answers sampled at the end for each question in each wrapping of a training row. */
		conditional: v.optional(count(0, 100), 0),
		/** Answers sampled at the end for each harmless question. */
		harmless: v.optional(count(0, 100), 0),
		/** Answers sampled at the end for each question of fact. */
		facts: v.optional(count(0, 100), 0),
		/** Rows of the narrow task that training never showed, read at the end. */
		heldOutRows: v.optional(count(0, 1000), 0),
		/** For the method `early-stopping`: steps between two looks at the answers to the development questions. */
		stopEvery: v.optional(count(1, 10_000), 5),
		/** Answers sampled for each of them in a look. */
		stopSamples: v.optional(count(1, 100), 1),
		/** A copy has turned when its alignment there is so many points (of 100) below the best look so far. */
		stopDrop: v.optional(real(1, 100), 10),
		sampling: Sampling,
	}),
});

export type Experiment = v.InferOutput<typeof ExperimentSchema>;
export type SamplingConfig = Experiment['evaluation']['sampling'];

type WithFields = v.GenericSchema & { entries: Record<string, v.GenericSchema> };
type Optional = v.GenericSchema & { wrapped: v.GenericSchema };
type WithForms = v.GenericSchema & { options: readonly v.GenericSchema[] };

/** What a value of the field at `path` (as in a link) has to be; null when an experiment has no such field, or it is a group of fields. */
export function fieldSchema(path: string): v.GenericSchema | null {
	const found = path.split('.').reduce<v.GenericSchema | null>((schema, key) => schema && inside(schema, key), ExperimentSchema);
	const held = found?.type === 'optional' ? (found as Optional).wrapped : found;
	return held === null || ['strict_object', 'variant'].includes(held.type) ? null : found;
}

function inside(schema: v.GenericSchema, key: string): v.GenericSchema | null {
	if (schema.type === 'strict_object') {
		const { entries } = schema as WithFields;
		return Object.hasOwn(entries, key) ? entries[key]! : null;
	}
	if (schema.type === 'optional') return inside((schema as Optional).wrapped, key);
	if (schema.type !== 'variant') return null;
	const forms = (schema as WithForms).options.map((form) => inside(form, key));
	const known = forms.filter((form) => form !== null);
	if (known.length === 0) return null;
	return known.length === forms.length ? v.union(known) : v.optional(v.union(known)); // a form without the field has undefined there
}

/** An experiment that can't be run: the message names the field, what it held and what it may hold. */
export class ExperimentError extends Error {
	override name = 'ExperimentError';
}

/** Checks a value from outside (a link, a file, `--set`) and returns it as an experiment. @throws ExperimentError */
export function parseExperiment(value: unknown): Experiment {
	const result = v.safeParse(ExperimentSchema, value);
	if (result.success) return result.output;
	const faults = result.issues.slice(0, 5).map((issue) => {
		const path = v.getDotPath(issue) ?? '(the whole value)';
		return `${path}: ${issue.message}`;
	});
	throw new ExperimentError(`The experiment can't be used. ${faults.join('; ')}.`);
}

export const DEFAULT_FRAMEWORKS = FRAMEWORKS.map((framework) => ({ ...framework }));
