/** The table of docs/models.md: what models take by the lab's own estimate. */
import { parseModelConfig, PROJECTIONS } from '$lib/model/config';
import { estimateMemory, type Workload } from '$lib/model/memoryEstimate';
import { checkpointShapes } from '$lib/model/weights';

import { REAL_CONFIGS } from '../realConfigs';

/** Its file holds the embedding a second time, as the head. */
const STORES_HEAD = new Set(['Qwen3-0.6B']);
/** What the document says of the work. */
const WORK: Omit<Workload, 'backend'> = {
	precision: 'f16', // on a GPU; WebAssembly has float32
	lora: { rank: 8, targetModules: PROJECTIONS },
	...{ rows: 4, pairs: 2, promptTokens: 64, completionTokens: 64, questions: 24, newTokens: 64, told: 230 },
};

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

export function modelTable(): string[] {
	const rows = Object.entries(REAL_CONFIGS).map(([name, json]) => {
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
	const rows = Object.entries(REAL_CONFIGS).map(([name, json]) => {
		const config = parseModelConfig(json);
		const training = (changes: Partial<Workload>, backend: Workload['backend']) =>
			gigabytes(estimateMemory(config, { ...WORK, backend, ...changes }).training);
		return [name, ...thrift.map((changes) => training(changes, 'webgpu')), training(thrift.at(-1)!, 'wasm')];
	});
	const head = ['model', 'WebGPU, as above', 'blocks computed again', 'and one row at a time', 'and in 8 bits', 'all of it on WebAssembly'];
	return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
