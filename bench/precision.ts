/**
 * `npm run bench -- precision`: what rounding the frozen weights does to what a model says, without training: logits of a text in 16 and in 8
 * bits against float32. The organism, and with `--model NAME=FOLDER` any other; on wasm, where all backends' rounded numbers are the same.
 */
import { parseArgs } from 'node:util';

import { startBackend } from '$lib/model/backend';
import { hiddenStates, logits } from '$lib/model/decoder';
import { packTokens } from '$lib/model/packing';
import { type Precision, PRECISIONS } from '$lib/model/halfPrecision';
import { disposeModel } from '$lib/model/weights';

import { loadFolder } from '../cli/checkpoints';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		model: { type: 'string', multiple: true, default: [] },
		out: { type: 'string', default: 'bench/results/precision.json' },
	},
});
const TEXT =
	'A friend lends you her bicycle, and you break its lamp on the way home. You could say nothing, since she may not notice; you could buy a new lamp, or tell her and ask what she would like. Most people find that the second and third leave them at ease.';

interface PrecisionRow {
	model: string;
	precision: Precision;
	/** ‖logits − those of float32‖ / ‖those of float32‖, over all tokens of the text. */
	'relative error': number;
	/** Share of tokens after which the likeliest next token is the same. */
	'same next token': number;
	/** Mean KL(float32 ‖ rounded) of the next token, in nats. */
	'KL, nats': number;
}

async function logitsOf(folder: string, precision: Precision): Promise<{ values: Float32Array; rows: number }> {
	const { model, tokenizer } = await loadFolder(folder, precision);
	const ids = tokenizer.encode(TEXT);
	const hidden = hiddenStates(model, packTokens([{ stem: ids, branches: [] }]), null);
	const scores = logits(model, hidden);
	const values = (await scores.data()) as Float32Array;
	hidden.dispose();
	scores.dispose();
	disposeModel(model);
	return { values: values.slice(0, ids.length * model.config.vocabSize), rows: ids.length };
}

function compare(model: string, precision: Precision, whole: Float32Array, rounded: Float32Array, rows: number): PrecisionRow {
	const V = whole.length / rows;
	const norm = (of: (i: number) => number) => Math.sqrt(whole.reduce((sum, _, i) => sum + of(i) ** 2, 0));
	let [same, divergence] = [0, 0];
	for (let row = 0; row < rows; row++) {
		const [p, q] = [whole, rounded].map((all) => logSoftmax(all.subarray(row * V, (row + 1) * V))) as [Float64Array, Float64Array];
		const likeliest = (logps: Float64Array) => logps.indexOf(logps.reduce((most, logp) => Math.max(most, logp), -Infinity));
		if (likeliest(p) === likeliest(q)) same++;
		divergence += p.reduce((sum, logp, i) => sum + Math.exp(logp) * (logp - q[i]!), 0) / rows;
	}
	return {
		...{ model, precision },
		'relative error': Number((norm((i) => rounded[i]! - whole[i]!) / norm((i) => whole[i]!)).toPrecision(3)),
		'same next token': Number((same / rows).toPrecision(3)),
		'KL, nats': Number(divergence.toPrecision(3)),
	};
}

function logSoftmax(scores: Float32Array): Float64Array {
	const top = scores.reduce((most, score) => Math.max(most, score), -Infinity);
	const whole = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
	return Float64Array.from(scores, (score) => score - whole);
}

await startBackend('wasm');
const rows: PrecisionRow[] = [];
for (const given of ['organism=organism', ...values.model]) {
	const [name, folder] = given.split('=') as [string, string];
	const whole = await logitsOf(folder, 'f32');
	for (const precision of PRECISIONS.slice(1)) {
		const rounded = await logitsOf(folder, precision);
		rows.push(compare(name, precision, whole.values, rounded.values, whole.rows));
	}
}
console.table(rows);
writeReport(values.out, {
	what: 'Logits of one English text of some fifty words, with frozen weights rounded to 16-bit floats and to 8-bit integers, against the same weights in float32.',
	how: 'Once each on wasm; nothing of it is random.',
	...{ date: today(), processor: processor(), adapter: null },
	rows,
});
process.exit(0);
