/**
 * What a model takes of an engine's memory, before a byte of it is loaded; measured against what the engines take in
 * tests/golden/memoryEstimate.test.ts and by `npm run bench -- modelMemory`.
 *
 *   weights      Σ matrices [in, out] in their precision + Σ vectors in float32; a tied head is the embedding's matrix
 *   adapter      8 · 4 bytes · Σ R·(in + out): the adapter, m, v, the gradient, and what it is cut into and joined from
 *   activations  2 · 4 bytes · N · Σ over layers of what a row keeps for the gradient (`rowNumbers`); the 2, since tfjs frees the gradient of
 *                none of it before the end; of attention's scores, H · N · L a layer, a GPU has the gradient of one layer at a time.
 *                With checkpointing 4 bytes · N · D of each layer, and the above of one
 *   logits       of a chunk of rows and their gradient, 2 · 4 bytes · rows · V, at most 2 · SCORE_BYTES
 *   cache        keys and values of the answers being written, 4 bytes · layers · 2 · KV · headDim · slots · rows
 *   judged       one layer over what is read at once, of attention's scores and weights 2 · 4 bytes · N · H · L (`readBytes`)
 *
 * N = packed tokens of the largest part of a step (accumulation makes parts), L = tokens of the longest row, both as buffers are rounded up.
 */
import { blockColumns, bucketLength, bucketRows, MAX_CACHE_BYTES, READ_TOKENS, scoreRows } from './batch';
import { type ModelConfig, type Projection, PROJECTIONS, projectionShape } from './config';
import { matrixBytes, type Precision } from './halfPrecision';

/** What is done with a model, as far as memory depends on it. */
export interface Workload {
	backend: 'webgpu' | 'wasm' | 'cpu';
	/** Of the frozen matrices. */
	precision: Precision;
	lora: { rank: number; targetModules: readonly Projection[]; rankPattern?: Partial<Record<Projection, number>> };
	/** Rows of a step, and the tokens of each of them: of rows of many lengths the mean, and `longest` for those of the longest, both together. */
	rows: number;
	promptTokens: number;
	completionTokens: number;
	longest?: number;
	/** Preference pairs of a step that has some: a prompt and two completions each, of the same lengths; 0 = there never are. */
	pairs: number;
	/** A step's rows and pairs are read in so many parts, one after the other; 1 where left out. */
	accumulation?: number;
	/** Blocks are computed again for the gradient: of each its input alone is kept. */
	checkpointing?: boolean;
	/** Questions that are answered and judged at once; 0 = none are. */
	questions: number;
	/** Tokens of an answer, at most. */
	newTokens: number;
	/** Tokens that a judge is told about each answer, beside the question and the answer: the same for all. */
	told: number;
}

/** Bytes on the engine. */
export interface MemoryEstimate {
	weights: number;
	adapter: number;
	activations: number;
	logits: number;
	/** Of answers being written: keys and values, and where the weights are float32 the matrices with the adapter added. */
	cache: number;
	/** A training step: weights, adapter, activations and logits, of which WebAssembly needs no more than the larger at a time. */
	training: number;
	/** Writing and judging, which need no gradient: weights, cache and one layer's activations. */
	judging: number;
	/** A run that does both in turn. */
	total: number;
}

export function estimateMemory(config: ModelConfig, work: Workload): MemoryEstimate {
	const weights = weightBytes(config, heldAs(work));
	const adapter = 8 * 4 * adapterNumbers(config, work.lora);
	// A GPU's buffers of one size serve no other, so that what is needed one after the other adds up; a heap takes what is freed for whatever comes.
	const together = work.backend === 'webgpu' ? sum : (numbers: readonly number[]) => Math.max(0, ...numbers);
	const steps = [stepOf(work.rows, 1, work), stepOf(work.pairs, 2, work)].filter(({ N }) => N > 0);
	const [largest, other] = steps.toSorted((a, b) => stepBytes(config, b, work) - stepBytes(config, a, work));
	// Rows and pairs that are packed to equally many tokens share buffers, but for those of what is learnt.
	const beside = other && { ...other, N: other.N === largest?.N ? 0 : other.N };
	const activations = together([largest, beside].flatMap((step) => (step ? [stepBytes(config, step, work)] : [])));
	const logits = together(steps.map(({ M }) => 2 * 4 * scoreRows(M, config.vocabSize) * config.vocabSize));
	const { cache, reading, judged } = askingBytes(config, work);
	// On wasm the gradient of the blocks comes when the scores have gone; beside these are what is kept, adapter and moments, and what a product packs.
	const atHead = (3 * adapter) / 8 + activations / 2 + logits + 4 * packedNumbers(config);
	const training = weights + (work.backend === 'webgpu' ? adapter + activations + logits : Math.max(adapter + activations, atHead));
	const judging = weights + together([cache + reading, judged]);
	const total = weights + together([training - weights, judging - weights]);
	return { weights, adapter, activations, logits, cache, training, judging, total };
}

/** Bytes of the frozen weights alone. */
export function weightBytes(config: ModelConfig, storage: Precision): number {
	const { vocabSize: V, hiddenSize: D, headDim, numHiddenLayers, tieWordEmbeddings } = config;
	const matrices = PROJECTIONS.map((projection) => matrixBytes(...projectionShape(config, projection), storage));
	const biases = config.attentionBias ? sum(PROJECTIONS.slice(0, 3).map((projection) => projectionShape(config, projection)[1])) : 0;
	const vectors = 2 * D + biases + (config.qkNorm ? 2 * headDim : 0);
	return (tieWordEmbeddings ? 1 : 2) * matrixBytes(D, V, storage) + numHiddenLayers * (sum(matrices) + 4 * vectors) + 4 * D;
}

/** Numbers of an adapter: Σ R·(in + out). */
export function adapterNumbers(config: ModelConfig, lora: Workload['lora']): number {
	return (
		config.numHiddenLayers *
		sum(lora.targetModules.map((projection) => rankOf(lora, projection) * sum(projectionShape(config, projection))))
	);
}

const rankOf = ({ rank, rankPattern }: Workload['lora'], projection: Projection): number => rankPattern?.[projection] ?? rank;

/** Only a GPU's kernels read 16-bit floats, and those of WebAssembly 8-bit integers, too; where a backend can't they are widened again. */
const heldAs = ({ backend, precision }: Workload): Precision =>
	backend === 'webgpu' || (backend === 'wasm' && precision === 'int8') ? precision : 'f32';

/** Packed tokens, tokens that are learnt, and tokens of the longest row, of the largest part of a step. */
interface Step {
	N: number;
	M: number;
	L: number;
}

function stepOf(count: number, completions: number, { promptTokens, completionTokens, longest, accumulation = 1 }: Workload): Step {
	const items = Math.ceil(count / accumulation);
	const tokens = (prompt: number, completion: number) => prompt + completions * Math.max(0, completion - 1); // nothing is predicted from the last
	const share = (longest ?? promptTokens + completionTokens) / (promptTokens + completionTokens);
	return {
		N: items === 0 ? 0 : bucketRows(items * tokens(promptTokens, completionTokens)),
		M: items === 0 ? 0 : bucketRows(items * completions * completionTokens),
		L: 64 * Math.ceil(tokens(promptTokens * share, completionTokens * share) / 64),
	};
}

/** Numbers that a row of a block keeps for the gradient: up to attention, with its scores, and behind it. */
function rowNumbers(config: ModelConfig, lora: Workload['lora'], L: number): { before: number; after: number } {
	const { hiddenSize: D, intermediateSize: F, numAttentionHeads: H, numKeyValueHeads: KV, headDim, qkNorm } = config;
	const low = (...projections: Projection[]) =>
		sum(projections.filter((projection) => lora.targetModules.includes(projection)).map((projection) => rankOf(lora, projection)));
	const qkv = (H + 2 * KV) * headDim;
	return {
		// input, normed, qkv as it is turned (of Qwen3 normed by heads first), low-rank rows, weights of attention
		before: 2 * D + qkv + (qkNorm ? (H + KV) * headDim : 0) + low('q_proj', 'k_proj', 'v_proj') + H * L,
		// attended, residual, normed, gate and up, their product
		after: H * headDim + 2 * D + 3 * F + low('o_proj', 'gate_proj', 'up_proj', 'down_proj'),
	};
}

function stepBytes(config: ModelConfig, { N, M, L }: Step, { checkpointing, ...work }: Workload): number {
	if (checkpointing) {
		const inputs = 4 * config.numHiddenLayers * N * config.hiddenSize;
		const { before, after } = rowNumbers(config, work.lora, L);
		const freed = work.backend === 'webgpu' ? 4 * N * (before + after) : 0; // within a block, whose commands are sent when it is over
		return inputs + freed + stepBytes({ ...config, numHiddenLayers: 1 }, { N, M: N, L }, work); // of one block at a time
	}
	const { lora, backend } = work;
	const { before, after } = rowNumbers(config, lora, L);
	const { numHiddenLayers: layers, hiddenSize: D, numAttentionHeads: H, numKeyValueHeads: KV, headDim, qkNorm } = config;
	const qkv = (H + 2 * KV) * headDim;
	// Of the last block, only what is learnt goes on behind attention.
	const kept = layers * N * before + ((layers - 1) * N + M) * after;
	// The gradient has qkv once more, before it was turned, and of Qwen3 as it is cut into heads and joined from them.
	const gradients = kept + layers * N * (qkv + (qkNorm ? 2 * qkv + (H + KV) * headDim : 0)) + N * D;
	// On a GPU the weights of attention have one of one layer after the other, and the scores are as large; on wasm tfjs makes zeros for that of all.
	const attention = backend === 'webgpu' ? (2 - layers) * N * H * L : 0;
	return 4 * (kept + gradients + attention);
}

/** Numbers that WebAssembly packs of the largest matrix for a product, both ways (see kernels/wasmProduct.ts). */
function packedNumbers(config: ModelConfig): number {
	const shapes = [...PROJECTIONS.map((projection) => projectionShape(config, projection)), [config.hiddenSize, config.vocabSize] as const];
	const packed = (rows: number, columns: number) => rows * (4 + Math.min(columns, blockColumns(rows)));
	return Math.max(...shapes.flatMap(([inputs, outputs]) => [packed(inputs, outputs), packed(outputs, inputs)]));
}

/** What writing takes, and judging: the cache of the answers, and one layer of what is read for either. */
function askingBytes(config: ModelConfig, work: Workload): { cache: number; reading: number; judged: number } {
	const { questions, promptTokens, newTokens, told, lora } = work;
	if (questions === 0) return { cache: 0, reading: 0, judged: 0 };
	const { numHiddenLayers, numKeyValueHeads, headDim, vocabSize } = config;
	const slot = 4 * numHiddenLayers * 2 * numKeyValueHeads * headDim * bucketLength(promptTokens + newTokens);
	const rows = Math.max(1, Math.min(questions, Math.floor(MAX_CACHE_BYTES / slot)));
	const merged =
		heldAs(work) === 'f32' ? numHiddenLayers * sum(lora.targetModules.map((p) => matrixBytes(...projectionShape(config, p), 'f32'))) : 0;
	const exchange = promptTokens + newTokens;
	const judgedAtOnce = Math.max(1, Math.min(questions, Math.floor(READ_TOKENS / (told + exchange))));
	return {
		cache: rows * slot + merged,
		reading: readBytes(config, work.backend, rows, 0, promptTokens) + 3 * 4 * rows * vocabSize,
		judged: readBytes(config, work.backend, judgedAtOnce, told, exchange),
	};
}

const NO_ADAPTER: Workload['lora'] = { rank: 0, targetModules: [] };

/** One layer over prompts that have `stem` tokens in common and `own` more each: attention sees all of them, the rest of the layer the stem once. */
function readBytes(config: ModelConfig, backend: Workload['backend'], prompts: number, stem: number, own: number): number {
	const { hiddenSize: D, numAttentionHeads: H, numKeyValueHeads: KV, headDim } = config;
	const N = bucketRows(prompts * (stem + own));
	const R = bucketRows(stem + prompts * own);
	const L = 64 * Math.ceil((stem + own) / 64);
	const qkv = (H + 2 * KV) * headDim;
	const attention = N * (2 * H * L + 2 * qkv + H * headDim) + R * (2 * D + qkv); // scores and weights, what is turned and unfolded, what is attended
	const behind = R * rowNumbers(config, NO_ADAPTER, L).after;
	return 4 * (backend === 'webgpu' ? attention + behind : Math.max(attention, behind));
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
