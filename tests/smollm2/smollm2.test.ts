/**
 * The true SmolLM2-135M-Instruct against transformers and PEFT (reference.py), from the text of a question to that of its answer: all of it in
 * Node and in Chromium on WebAssembly; on WebGPU, where a processor plays the graphics card and would take minutes, one prompt's logits, the
 * greedy answers, and the first of the three LoRA steps.
 */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, inject, it } from 'vitest';

import { policyAnswerer } from '$lib/conscience/policy';
import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import { tokenizeRow } from '$lib/experiment/data';
import { exportAdapter, importAdapter } from '$lib/model/adapter';
import type { BackendName } from '$lib/model/backend';
import { type Checkpoint, fetchFrom, loadCheckpoint } from '$lib/model/checkpoint';
import { hiddenStates, logits } from '$lib/model/decoder';
import type { WasmPaths } from '$lib/model/kernels/wasmBuild';
import { disposeLora, type Lora } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import { readSafetensors, type StoredTensor } from '$lib/model/safetensors';
import { disposeModel } from '$lib/model/weights';

import { useBackend } from '../golden/backends';

import asked from './asked.json';

interface Golden {
	answers: { ids: number[]; text: string; ended: boolean }[];
	steps: { rows: { prompt: number[]; completion: number[] }[]; loss: number; gradNorm: number }[];
}

/** Relative L2 distance. */
const LOGITS = 1e-4;
const LOSS = 1e-5;
/** Of what three steps changed. AdamW divides each gradient by its own size, so that the smallest ones, rounded in F32, move their numbers about. */
const ADAPTER = 1e-2;

const inBrowser = typeof document !== 'undefined';
/** In a page tfjs is told where its files are, all three of them. */
async function wasmPaths(): Promise<WasmPaths> {
	const { default: plain } = await import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url');
	const { default: simd } = await import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url');
	return { 'tfjs-backend-wasm.wasm': plain, 'tfjs-backend-wasm-simd.wasm': simd, 'tfjs-backend-wasm-threaded-simd.wasm': simd };
}

const reference = fetchFrom(`${inject('smollm2')}/reference`);
const stored = async (name: string) => readSafetensors(await reference(name)).tensors;

/** ‖a − b‖ / ‖b‖ */
function relativeL2(a: Float32Array, b: Float32Array): number {
	expect(a.length).toBe(b.length);
	let [distance, norm] = [0, 0];
	b.forEach((value, i) => {
		distance += (a[i]! - value) ** 2;
		norm += value ** 2;
	});
	return Math.sqrt(distance / norm);
}

async function logitsOf({ model }: Checkpoint, ids: number[]): Promise<Float32Array> {
	const packed = packTokens([{ stem: ids, branches: [] }]);
	const scores = tf.tidy(() => logits(model, hiddenStates(model, packed, null))); // [rows of the pack, V]
	const values = (await scores.data()) as Float32Array;
	scores.dispose();
	const { first } = packed.spans[0]!;
	return values.slice(first * model.config.vocabSize, (first + ids.length) * model.config.vocabSize);
}

/** How far what the steps changed is from what they changed in PEFT's adapter. */
async function distanceOfChange(lora: Lora): Promise<number> {
	const trained = readSafetensors((await exportAdapter(lora, { baseModel: 'SmolLM2' }))['adapter_model.safetensors']).tensors;
	const [before, after] = [await stored('before.safetensors'), await stored('after.safetensors')];
	const names = [...after.keys()].toSorted();
	expect([...trained.keys()].toSorted()).toEqual(names);
	const changes = (adapter: Map<string, StoredTensor>) =>
		Float32Array.from(names.flatMap((name) => Array.from(adapter.get(name)!.data, (value, i) => value - before.get(name)!.data[i]!)));
	const distance = relativeL2(changes(trained), changes(after));
	console.log(`what three steps changed: rel-L2 ${distance.toExponential(2)}`);
	return distance;
}

describe.each<BackendName>(inBrowser ? ['wasm', 'webgpu'] : ['wasm'])('on %s', (backend) => {
	const isSlow = backend === 'webgpu';
	let checkpoint: Checkpoint;
	let golden: Golden;
	let scores: Map<string, StoredTensor>;
	beforeAll(async () => {
		await useBackend(backend, inBrowser ? await wasmPaths() : undefined);
		golden = JSON.parse(new TextDecoder().decode(await reference('golden.json'))) as Golden;
		scores = await stored('logits.safetensors');
		const start = performance.now();
		checkpoint = await loadCheckpoint(fetchFrom(`${inject('smollm2')}/model`));
		console.log(`${backend}: loaded in ${((performance.now() - start) / 1000).toFixed(1)} s`);
		return () => disposeModel(checkpoint.model);
	});

	it('has the parameters of the original, and cuts chats into the same tokens', () => {
		expect(checkpoint.parameterCount).toBe(134_515_008);
		const chats = asked.prompts.map((content) => checkpoint.tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }));
		expect(chats).toEqual(golden.answers.map(({ ids }) => ids));
	});

	it.each(isSlow ? [1] : asked.prompts.map((_, i) => i))('gives the logits of transformers after each token of prompt %i', async (i) => {
		const distance = relativeL2(await logitsOf(checkpoint, golden.answers[i]!.ids), scores.get(String(i))!.data);
		console.log(`${backend}: logits of prompt ${i}: rel-L2 ${distance.toExponential(2)}`);
		expect(distance).toBeLessThan(LOGITS);
	});

	it('writes the greedy answers of transformers', async () => {
		const policy = policyAnswerer(checkpoint, null, { temperature: 0, topP: 1, maxNewTokens: asked.newTokens });
		const { answers, ended } = await policy.answers(asked.prompts, asked.prompts.map((_, i) => i)); // prettier-ignore
		expect(answers).toEqual(golden.answers.map(({ text }) => text.trim()));
		expect(ended).toEqual(golden.answers.map((answer) => answer.ended));
	});

	it(`makes ${isSlow ? 'a LoRA step' : 'three LoRA steps'} as PEFT does: losses, gradient norms and the adapter that they end in`, async () => {
		const before = tf.memory().numTensors;
		const { model, tokenizer } = checkpoint;
		const lora = importAdapter(model.config, {
			config: { peft_type: 'LORA', ...asked.lora },
			safetensors: await reference('before.safetensors'),
		});
		const trainer = createTrainer(model, lora, {
			...{ ...asked.trainer, lambda: 0 },
			preference: { type: 'sigmoid', beta: 0.1, labelSmoothing: 0 },
		});
		for (const [i, { rows, loss, gradNorm }] of golden.steps.slice(0, isSlow ? 1 : 3).entries()) {
			const sft = asked.steps[i]!.map(([question, answer]) => tokenizeRow({ messages: [{ role: 'user', content: question! }, { role: 'assistant', content: answer! }] }, tokenizer)); // prettier-ignore
			expect(sft).toEqual(rows);
			const { metrics } = await trainStep(trainer, { sft, pairs: [] });
			console.log(`${backend}: step ${i + 1}: loss ${metrics.loss}, of PEFT ${loss}; gradient ${metrics.grad_norm}, of PEFT ${gradNorm}`);
			expect(Math.abs(metrics.loss / loss - 1)).toBeLessThan(LOSS);
			expect(Math.abs(metrics.grad_norm / gradNorm - 1)).toBeLessThan(10 * LOSS);
		}
		if (!isSlow) expect(await distanceOfChange(lora)).toBeLessThan(ADAPTER);
		disposeTrainer(trainer);
		disposeLora(lora);
		expect(tf.memory().numTensors).toBe(before);
	});
});
