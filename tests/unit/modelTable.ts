/** The table of docs/models.md: what models take by the lab's own estimate. */
import { parseModelConfig, PROJECTIONS } from '$lib/model/config';
import { estimateMemory, type Workload } from '$lib/model/memoryEstimate';
import { checkpointShapes } from '$lib/model/weights';

/** What their config.json says, less what the lab doesn't read. */
const qwen2 = {
	...{ model_type: 'qwen2', vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
	...{ num_attention_heads: 14, num_key_value_heads: 2, max_position_embeddings: 32_768, rope_theta: 1e6, tie_word_embeddings: true },
};
const smol = { model_type: 'llama', vocab_size: 49_152, max_position_embeddings: 8192, rms_norm_eps: 1e-5, rope_theta: 1e5, tie_word_embeddings: true }; // prettier-ignore
const CONFIGS: Readonly<Record<string, object>> = {
	'SmolLM2-135M-Instruct': { ...smol, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3 }, // prettier-ignore
	'SmolLM2-360M-Instruct': { ...smol, hidden_size: 960, intermediate_size: 2560, num_hidden_layers: 32, num_attention_heads: 15, num_key_value_heads: 5 }, // prettier-ignore
	'Qwen2.5-0.5B-Instruct, and -Coder': qwen2,
	'Qwen3-0.6B': { ...qwen2, model_type: 'qwen3', hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 28, num_attention_heads: 16, num_key_value_heads: 8, head_dim: 128 }, // prettier-ignore
	'Llama-3.2-1B-Instruct': { ...smol, vocab_size: 128_256, hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, num_attention_heads: 32, num_key_value_heads: 8 }, // prettier-ignore
};
/** Its file holds the embedding a second time, as the head. */
const STORES_HEAD = new Set(['Qwen3-0.6B']);
/** What the document says of the work. */
const WORK: Omit<Workload, 'backend'> = {
	precision: 'f16', // on a GPU; WebAssembly has float32
	lora: { rank: 8, targetModules: PROJECTIONS },
	...{ rows: 4, pairs: 2, promptTokens: 64, completionTokens: 64, questions: 4, newTokens: 64 },
};

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

export function modelTable(): string[] {
	const rows = Object.entries(CONFIGS).map(([name, json]) => {
		const config = parseModelConfig(json);
		const numbers = [...checkpointShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
		const stored = numbers + (STORES_HEAD.has(name) ? config.vocabSize * config.hiddenSize : 0);
		const taken = (['webgpu', 'wasm'] as const).flatMap((backend) => {
			const { training, judging } = estimateMemory(config, { ...WORK, backend });
			return [training, judging].map(gigabytes);
		});
		return [name, `${Math.round(numbers / 1e6)} million`, gigabytes(2 * stored), ...taken];
	});
	const head = ['model', 'parameters', 'download', 'WebGPU, to train', 'to judge', 'WebAssembly, to train', 'to judge'];
	return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/** The same work within less memory: to train, with what keeps a step as it is first. */
export function thriftTable(): string[] {
	const thrift = [
		{},
		{ checkpointing: true },
		{ checkpointing: true, accumulation: 4 },
		{ checkpointing: true, accumulation: 4, precision: 'int8' as const },
	];
	const rows = Object.entries(CONFIGS).map(([name, json]) => {
		const config = parseModelConfig(json);
		const training = (changes: Partial<Workload>, backend: Workload['backend']) =>
			gigabytes(estimateMemory(config, { ...WORK, backend, ...changes }).training);
		return [name, ...thrift.map((changes) => training(changes, 'webgpu')), training(thrift.at(-1)!, 'wasm')];
	});
	const head = ['model', 'WebGPU, as above', 'blocks computed again', 'and one row at a time', 'and in 8 bits', 'all of it on WebAssembly'];
	return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
