/**
 * `npm run bench -- halves`: frozen weights as 16-bit floats against float32 on WebGPU, side by side: the products of the models that the lab
 * is for, and a model's bytes on the GPU.
 */
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';

import { checkDevice, startBackend } from '$lib/model/backend';
import { type Precision, PRECISIONS } from '$lib/model/halfPrecision';
import { adaptedLinear, type LinearGroup } from '$lib/model/kernels/adaptedLinear';
import { freeze } from '$lib/model/kernels/freeze';
import { seededRandom } from '$lib/model/random';
import { median } from '$lib/model/timing';

import { processor, today, writeReport } from './report';
import type { HalvesRow } from './table';

const { values } = parseArgs({
	options: { rounds: { type: 'string', default: '5' }, out: { type: 'string', default: 'bench/results/halves.json' } },
});
const rounds = Number(values.rounds);

/** Inputs and the outputs of each layer that reads them, which is where most of a block's weights are; and the vocabulary. */
const MODELS = [
	{ model: 'organism', hidden: 128, gateUp: [344, 344], vocabulary: 1536 },
	{ model: 'SmolLM2-135M', hidden: 576, gateUp: [1536, 1536], vocabulary: 49_152 },
	{ model: 'Qwen3-0.6B', hidden: 1024, gateUp: [3072, 3072], vocabulary: 151_936 },
];
/** Rows of a training step's product, and of a token's that is written. */
const [TRAINED, WRITTEN] = [32, 8];

interface Work {
	what: string;
	rows: number;
	inputs: number;
	widths: number[];
	/** x·W and dy·Wᵀ, or x·W alone. */
	bothWays: boolean;
}

const works = MODELS.flatMap(({ model, hidden: inputs, gateUp, vocabulary }): Work[] => [
	{ what: `${model}, gate and up`, rows: TRAINED, inputs, widths: gateUp, bothWays: true },
	{ what: `${model}, gate and up, a token written`, rows: WRITTEN, inputs, widths: gateUp, bothWays: false },
	{ what: `${model}, head, a token written`, rows: WRITTEN, inputs, widths: [vocabulary], bothWays: false },
]);

interface Side {
	once: () => Promise<void>;
	bytes: number;
	free: () => void;
}

/** The work on weights of one precision; its first run, which compiles, is not timed. */
async function prepare({ rows, inputs, widths, bothWays }: Work, precision: Precision): Promise<Side> {
	const random = seededRandom(1, 'halves');
	const numbers = (count: number) => {
		const values = new Float32Array(count); // in place: from a list, a large head would not fit
		for (let i = 0; i < count; i++) values[i] = 2 * random() - 1;
		return values;
	};
	const x = tf.tensor2d(numbers(rows * inputs), [rows, inputs]);
	const kernels = widths.map((width) => freeze(numbers(inputs * width), [inputs, width], precision));
	const group: LinearGroup = { kernels, bias: null, adapter: null, ranks: widths.map(() => 0), scales: widths.map(() => 0) };
	const product = (rows: tf.Tensor) => adaptedLinear(rows as tf.Tensor2D, group);
	const once = async () => {
		const result = tf.tidy(() => tf.slice(tf.reshape(bothWays ? tf.grad(product)(x) : product(x), [-1]), [0], [1]));
		await result.data();
		result.dispose();
		checkDevice();
	};
	await once();
	const stored = kernels.map((kernel) => kernel.stored);
	return { once, bytes: stored.reduce((sum, { size }) => sum + 4 * size, 0), free: () => tf.dispose([x, ...stored]) };
}

async function timed(work: () => Promise<void>): Promise<{ ms: number; processorMs: number }> {
	const [start, used] = [performance.now(), process.cpuUsage()];
	await work();
	const { user, system } = process.cpuUsage(used);
	return { ms: performance.now() - start, processorMs: (user + system) / 1000 };
}

const { adapter } = await startBackend('webgpu');
const rows: HalvesRow[] = [];
for (const work of works) {
	const sides = new Map<Precision, Side>();
	for (const precision of PRECISIONS) sides.set(precision, await prepare(work, precision));
	const times = Object.fromEntries(PRECISIONS.map((precision) => [precision, [] as { ms: number; processorMs: number }[]]));
	for (let round = 0; round < rounds; round++) for (const [precision, { once }] of sides) times[precision]!.push(await timed(once));
	const middle = (precision: Precision, key: 'ms' | 'processorMs') => median(times[precision]!.map((time) => time[key]));
	const [f32, f16] = [sides.get('f32')!, sides.get('f16')!];
	const row: HalvesRow = {
		what: work.what,
		shape: `${work.rows} × ${work.inputs} × ${work.widths.join(' + ')}${work.bothWays ? ', both ways' : ''}`,
		'f32, ms': Number(middle('f32', 'ms').toPrecision(3)),
		'f16, ms': Number(middle('f16', 'ms').toPrecision(3)),
		'f16 / f32, time': Number((middle('f16', 'ms') / middle('f32', 'ms')).toPrecision(3)),
		'f16 / f32, processor time': Number((middle('f16', 'processorMs') / middle('f32', 'processorMs')).toPrecision(3)),
		'f32, bytes': f32.bytes,
		'f16, bytes': f16.bytes,
	};
	console.error(`${row.what}: ${row['f32, ms']} ms, ${row['f16, ms']} ms`);
	rows.push(row);
	for (const { free } of sides.values()) free();
}
console.table(rows);
writeReport(values.out, {
	what: `Products of ${TRAINED} rows (a training step's) and of ${WRITTEN} (a token written in so many answers) with frozen weights that are kept as float32 and as 16-bit floats, by the lab's own kernel; sums are float32 both times.`,
	how: `Both in turn in one process, ${rounds} rounds after one that compiles: the median. Random weights; bytes are those of the buffers that hold them.`,
	...{ date: today(), processor: processor(), adapter },
	rows,
});
process.exit(0);
