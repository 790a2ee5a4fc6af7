import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, loadCheckpoint, MissingFileError } from '$lib/model/checkpoint';
import { hiddenStates, logits } from '$lib/model/decoder';
import { packTokens } from '$lib/model/packing';
import { disposeModel } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './shards.json';
import { thinkingFiles } from './tokenizer.json';

const packed = packTokens(golden.prompts.map((stem) => ({ stem, branches: [] })));
const LOGITS = 5e-5; // as decoder.test.ts has it

/** The checkpoint of a folder with these weights; the tokenizer is another's, and not asked. */
function load(config: object, weights: Record<string, string>): Promise<Checkpoint> {
	const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
	const files = new Map<string, Uint8Array>([
		['config.json', encode(config)],
		['tokenizer.json', encode(thinkingFiles.tokenizer)],
		['tokenizer_config.json', encode(thinkingFiles.tokenizerConfig)],
		...Object.entries(weights).map(([name, base64]) => [name, Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))] as const),
	]);
	return loadCheckpoint(async (name) => {
		const bytes = files.get(name);
		if (!bytes) throw new MissingFileError(`no ${name}`);
		return bytes;
	});
}

/** Scores [all rows, V] for the packed prompts. */
async function scores({ model }: Checkpoint): Promise<Float32Array> {
	const found = tf.tidy(() => logits(model, hiddenStates(model, packed, null)));
	const values = (await found.data()) as Float32Array;
	found.dispose();
	return values;
}

describe.each(BACKENDS)('%s', (backend) => {
	beforeAll(() => useBackend(backend));

	it.each(golden.models)('a $family in shards of $dtype is the one of a single file, and PyTorch’s', async (saved) => {
		const before = tf.memory().numTensors;
		const whole = await load(saved.config, saved.whole);
		const shards = await load(saved.config, saved.shards);
		expect(shards.parameterCount).toBe(whole.parameterCount);
		const [ofWhole, ofShards] = [await scores(whole), await scores(shards)];
		expect(ofShards).toEqual(ofWhole);
		const V = whole.model.config.vocabSize;
		for (const [row, expected] of saved.logits.entries()) {
			const { first } = packed.spans[row]!;
			expectClose(ofShards.slice(first * V, (first + expected.length) * V), expected.flat(), LOGITS);
		}
		disposeModel(whole.model);
		disposeModel(shards.model);
		expect(tf.memory().numTensors).toBe(before);
	});
});
