/** Adapters cross over to Python and back: PEFT on transformers' model and the lab have to compute the same logits from the same files. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergedFolder } from '$lib/experiment/mergedFolder';
import { exportAdapter, importAdapter } from '$lib/model/adapter';
import { checkAdapter } from '$lib/model/adapterCheck';
import { startBackend } from '$lib/model/backend';
import { loadCheckpoint, openFolderWeights } from '$lib/model/checkpoint';
import { hiddenStates, logits } from '$lib/model/decoder';
import { disposeLora, initLora, PROJECTIONS, restoreLora, saveLora, type Lora, type LoraConfig } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import { normal, seededRandom } from '$lib/model/random';
import { readSafetensors } from '$lib/model/safetensors';
import { disposeModel, type Model } from '$lib/model/weights';

const PYTHON = process.env['PYTHON'] ?? '.venv/bin/python';
const ORGANISM = process.env['ORGANISM'] ?? 'static/organism';
/** Of one logit; both sides compute in F32, and the largest logits are a few tens. */
const TOLERANCE = 1e-4;

const LAB_ADAPTERS: Record<string, LoraConfig> = {
	plain: { rank: 4, alpha: 8, rslora: false, targetModules: [...PROJECTIONS] },
	rslora: { rank: 9, alpha: 6, rslora: true, targetModules: [...PROJECTIONS] },
	attention: { rank: 2, alpha: 3, rslora: false, targetModules: ['q_proj', 'v_proj'] },
	'by-module': {
		...{ rank: 3, alpha: 6, rslora: true, targetModules: [...PROJECTIONS] },
		rankPattern: { q_proj: 5, 'layers.1.mlp.down_proj': 1, [String.raw`layers\.[23]\..*(k|v)_proj`]: 2 },
		alphaPattern: { 'self_attn.v_proj': 1.5, gate_proj: 9 },
	},
};
const PEFT_ADAPTERS = ['plain', 'rslora', 'by-expression', 'one-layer', 'by-module'];

let model: Model;
let work: string;
let sequences: number[][];
const labLogits = new Map<string, Float32Array[]>();

beforeAll(async () => {
	await startBackend('wasm');
	({ model } = await loadCheckpoint((name) => readFile(join(ORGANISM, name))));
	work = await mkdtemp(join(tmpdir(), 'peft-'));
	const random = seededRandom(3);
	sequences = [1, 7, 24].map((length) => Array.from({ length }, () => Math.floor(random() * model.config.vocabSize)));
	await writeFile(join(work, 'sequences.json'), JSON.stringify(sequences));

	for (const [name, config] of Object.entries(LAB_ADAPTERS)) {
		const lora = await trainedLora(config);
		for (const folded of [false, true]) {
			const folder = join(work, 'lab', folded ? `${name}-folded` : name);
			await mkdir(folder, { recursive: true });
			const files = await exportAdapter(lora, { baseModel: 'organism', folded });
			await writeFile(join(folder, 'adapter_config.json'), files['adapter_config.json']);
			await writeFile(join(folder, 'adapter_model.safetensors'), files['adapter_model.safetensors']);
		}
		await writeMerged(name, join(work, 'lab', name));
		labLogits.set(name, await computeLogits(lora));
		disposeLora(lora);
	}
	await promisify(execFile)(PYTHON, ['tests/peft/export_check.py', ORGANISM, work]);
});

afterAll(async () => {
	disposeModel(model);
	await rm(work, { recursive: true });
});

/** An adapter with random A and B, large enough to change the model's answers. */
async function trainedLora(config: LoraConfig): Promise<Lora> {
	const lora = initLora(model.config, config, seededRandom(1));
	const random = seededRandom(2);
	const state = await saveLora(lora);
	restoreLora(
		lora,
		state.map((values) => values.map(() => 0.1 * normal(random))),
	);
	return lora;
}

/** The organism and an adapter in one, in several shards. */
async function writeMerged(name: string, adapter: string): Promise<void> {
	const read = (file: string) => readFile(join(ORGANISM, file));
	const config = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8')) as unknown;
	const report = checkAdapter(
		{ config: model.config },
		{ config, safetensors: await readFile(join(adapter, 'adapter_model.safetensors')) },
	);
	const source = {
		read,
		config: model.config,
		weights: await openFolderWeights(read),
		base: 'organism',
		report,
		card: null,
		experiment: null,
	};
	const { files } = await mergedFolder(source, { dtype: 'F32', maxShardBytes: 1e6 });
	const folder = join(work, 'merged', name);
	await mkdir(folder, { recursive: true });
	for (const { name: file, content } of files) await writeFile(join(folder, file), content());
}

/** The lab's logits of each sequence, [T, V] row by row. */
async function computeLogits(lora: Lora | null): Promise<Float32Array[]> {
	return Promise.all(
		sequences.map(async (ids) => {
			const scores = tf.tidy(() => logits(model, hiddenStates(model, packTokens([{ stem: ids, branches: [] }]), lora)));
			const values = ((await scores.data()) as Float32Array).slice(0, ids.length * model.config.vocabSize); // without what fills up the rows
			scores.dispose();
			return values;
		}),
	);
}

async function pythonLogits(folder: string): Promise<Float32Array[]> {
	const { tensors } = readSafetensors(await readFile(join(folder, 'logits.safetensors')));
	return sequences.map((_, i) => tensors.get(String(i))!.data);
}

function largestDifference(a: Float32Array[], b: Float32Array[]): number {
	return Math.max(
		...a.map((values, i) => {
			expect(b[i]!.length).toBe(values.length);
			return values.reduce((largest, value, j) => Math.max(largest, Math.abs(value - b[i]![j]!)), 0);
		}),
	);
}

describe('an adapter that the lab exports', () => {
	it.each(Object.keys(LAB_ADAPTERS))('computes the same in PEFT: %s', async (name) => {
		expect(largestDifference(labLogits.get(name)!, await pythonLogits(join(work, 'lab', name)))).toBeLessThanOrEqual(TOLERANCE);
		expect(largestDifference(labLogits.get(name)!, await computeLogits(null))).toBeGreaterThan(0.1); // it is not the base that agrees
	});
});

describe('an adapter that the lab folds', () => {
	it.each(Object.keys(LAB_ADAPTERS))('computes the same in PEFT, from rank and alpha alone: %s', async (name) => {
		const folder = join(work, 'lab', `${name}-folded`);
		const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')) as unknown;
		expect(config).toMatchObject({ use_rslora: false, rank_pattern: {}, alpha_pattern: {} });
		expect(largestDifference(labLogits.get(name)!, await pythonLogits(folder))).toBeLessThanOrEqual(TOLERANCE);
	});
});

describe('a model that the lab merges with an adapter', () => {
	it.each(Object.keys(LAB_ADAPTERS))('computes the same in transformers, without PEFT: %s', async (name) => {
		expect(largestDifference(labLogits.get(name)!, await pythonLogits(join(work, 'merged', name)))).toBeLessThanOrEqual(TOLERANCE);
	});
});

describe('an adapter that PEFT writes', () => {
	it.each(PEFT_ADAPTERS)('computes the same in the lab: %s', async (name) => {
		const folder = join(work, 'peft', name);
		const config: unknown = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
		const lora = importAdapter(model.config, { config, safetensors: await readFile(join(folder, 'adapter_model.safetensors')) });
		const ours = await computeLogits(lora);
		disposeLora(lora);
		expect(largestDifference(ours, await pythonLogits(folder))).toBeLessThanOrEqual(TOLERANCE);
		expect(largestDifference(ours, await computeLogits(null))).toBeGreaterThan(0.1);
	});
});
