/** Whether a model can be trained here as an experiment would, before a byte of its weights is fetched. */
import { ASKED_AT_ONCE } from '$lib/evaluation/asking';
import { QUESTION_SETS } from '$lib/evaluation/questions';
import type { ModelConfig } from '$lib/model/config';
import { matrixBytes, type Precision } from '$lib/model/halfPrecision';
import { estimateMemory, type MemoryEstimate, type Workload } from '$lib/model/memoryEstimate';

import { listens } from './methods/index';
import type { Experiment } from './schema';

/** What is known of the machine, and what has to be assumed. */
export interface Machine {
	backend: 'webgpu' | 'wasm';
	/** The adapter in its driver's words; null on WebAssembly. */
	adapter: string | null;
	/** Of one buffer. */
	maxTensorBytes: number;
	/** All of the machine's memory, in bytes, as far as the browser says it (it rounds down, and tops it); null where it doesn't. */
	deviceMemory: number | null;
}

/** Tokens of a training row: `mean` of all, and of the longest. */
export interface RowTokens {
	mean: number;
	longest: number;
}

export interface ModelFit {
	verdict: 'fits' | 'tight' | 'no';
	/** Of one copy. */
	memory: MemoryEstimate;
	/** Each copy of the experiment has the model to itself. */
	copies: number;
	/** What the copies may take together, in bytes: no browser tells how much memory a GPU has. */
	assumed: number;
	/** The largest matrix is more than the machine takes at a time. */
	tooLarge: { bytes: number; most: number } | null;
	/** What would take less and have room, each alone, in order of what it costs; none where it fits, or nothing does. */
	remedies: Remedy[];
}

/** A change of the experiment, or of the rows, after which the model takes `bytes` for all copies. */
export interface Remedy {
	kind: 'again' | 'parts' | 'halves' | 'integers' | 'copies' | 'length' | 'all';
	bytes: number;
}

const GIB = 2 ** 30;
/** Of a GPU whose machine doesn't say how much memory it has. */
const USUAL_GPU = 4 * GIB;
/** A WebAssembly module addresses so much; each copy has a module of its own. */
const WASM_MOST = 4 * GIB;
/** Of what is assumed: above it is tight, for other tabs and programs want something, too. */
const EASY = 0.7;
/** What takes more than this share of what it takes now is no help. */
const LESS = 0.95;

export function modelFit(config: ModelConfig, experiment: Experiment, rows: RowTokens, machine: Machine): ModelFit {
	const tokens = withinLimit(experiment, rows);
	const memory = estimateMemory(config, workloadOf(experiment, tokens, machine));
	const copies = experiment.arms.length;
	const assumed = assumedBytes(machine);
	const { precision } = experiment.model;
	const largest = largestMatrix(config, machine.backend === 'webgpu' || precision === 'int8' ? precision : 'f32');
	const tooLarge = largest > machine.maxTensorBytes ? { bytes: largest, most: machine.maxTensorBytes } : null;
	const perCopy = machine.backend === 'wasm' && memory.total > WASM_MOST;
	const share = (copies * memory.total) / assumed;
	const verdict = tooLarge || perCopy || share > 1 ? 'no' : share > EASY ? 'tight' : 'fits';
	const helps = ({ bytes }: Remedy) => bytes <= Math.min(assumed, LESS * copies * memory.total);
	const remedies = verdict === 'fits' || tooLarge ? [] : remediesFor(config, experiment, tokens, machine).filter(helps);
	return { verdict, memory, copies, assumed, tooLarge, remedies };
}

/** A limit of the experiment's own is kept whatever the rows are. */
function withinLimit({ data }: Experiment, { mean, longest }: RowTokens): RowTokens {
	const most = data.maxTokens || Infinity;
	return { mean: Math.min(mean, most), longest: Math.min(longest, most) };
}

/** Half of the machine's memory, which a GPU without memory of its own may take, too. */
function assumedBytes({ backend, deviceMemory }: Machine): number {
	if (deviceMemory !== null) return deviceMemory / 2;
	return backend === 'webgpu' ? USUAL_GPU : WASM_MOST;
}

/** Letters of English that make a token, about, in the vocabularies of the families that the lab reads. */
const LETTERS_PER_TOKEN = 4;

function workloadOf(experiment: Experiment, { mean, longest }: RowTokens, machine: Machine): Workload {
	const { model, lora, optimizer, conscience, evaluation, arms } = experiment;
	const hears = arms.some(listens);
	const told = conscience.frameworks.map(({ principles, verdictPrompt }) => principles.length + verdictPrompt.length);
	return {
		backend: machine.backend,
		precision: model.precision,
		lora,
		rows: optimizer.batchSize,
		promptTokens: mean / 2, // of rows in a chat, about half is what is answered
		completionTokens: mean / 2,
		longest,
		pairs: hears ? conscience.pairsPerStep : 0,
		accumulation: optimizer.accumulation,
		checkpointing: optimizer.checkpointing,
		questions: Math.max(hears ? conscience.promptsPerCall : 0, evaluatedAtOnce(evaluation)),
		newTokens: Math.max(conscience.sampling.maxNewTokens, evaluation.sampling.maxNewTokens),
		told: Math.ceil(Math.max(...told) / LETTERS_PER_TOKEN),
	};
}

/** Of questions of the user's own nobody knows here how many there are. */
function evaluatedAtOnce({ questions, samples, samplesWhileTraining }: Experiment['evaluation']): number {
	const each = Math.max(samples, samplesWhileTraining);
	return questions === 'own' ? ASKED_AT_ONCE : Math.min(ASKED_AT_ONCE, QUESTION_SETS[questions].length * each);
}

/** Embedding, head, or the widest of a block's matrices. */
function largestMatrix({ vocabSize, hiddenSize, intermediateSize }: ModelConfig, precision: Precision): number {
	return Math.max(matrixBytes(hiddenSize, vocabSize, precision), matrixBytes(hiddenSize, intermediateSize, precision));
}

function remediesFor(config: ModelConfig, experiment: Experiment, tokens: RowTokens, machine: Machine): Remedy[] {
	const bytesOf = (changed: Experiment, length = tokens) =>
		changed.arms.length * estimateMemory(config, workloadOf(changed, length, machine)).total;
	const { model, optimizer, arms } = experiment;
	const again = { checkpointing: true };
	const parts = { accumulation: Math.min(64, Math.max(optimizer.batchSize, experiment.conscience.pairsPerStep)) };
	const withOptimizer = (changes: Partial<Experiment['optimizer']>): Experiment => ({
		...experiment,
		optimizer: { ...optimizer, ...changes },
	});
	const inPrecision = (precision: Precision): Experiment => ({ ...experiment, model: { ...model, precision } });
	const alone = { ...experiment, arms: arms.slice(-1) };
	const shorter = { mean: Math.min(128, tokens.mean), longest: Math.min(256, tokens.longest) };
	const all = { ...inPrecision('int8'), arms: alone.arms, optimizer: { ...optimizer, ...again, ...parts } };
	const halves = machine.backend === 'webgpu' && model.precision === 'f32'; // on WebAssembly they would be widened again
	return [
		...(optimizer.checkpointing ? [] : [{ kind: 'again' as const, bytes: bytesOf(withOptimizer(again)) }]),
		{ kind: 'parts', bytes: bytesOf(withOptimizer(parts)) },
		...(halves ? [{ kind: 'halves' as const, bytes: bytesOf(inPrecision('f16')) }] : []),
		...(model.precision === 'int8' ? [] : [{ kind: 'integers' as const, bytes: bytesOf(inPrecision('int8')) }]),
		{ kind: 'copies', bytes: bytesOf(alone) },
		{ kind: 'length', bytes: bytesOf(experiment, shorter) },
		{ kind: 'all', bytes: bytesOf(all, shorter) },
	];
}
