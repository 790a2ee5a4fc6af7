import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { READ_TOKENS } from './batch';
import { yieldToEvents } from './eventLoop';
import { frozenColumns } from './kernels/frozenMatrix';
import type { Lora } from './lora';
import { disposeMerged, mergeLora } from './mergeLora';
import { readPrompts } from './readPrompts';
import type { Model } from './weights';

/**
 * P(candidate | prompt), the candidates alone sharing the probability: softmax over their logits after each prompt.
 * What all prompts begin with (a judge's instructions, say) is read once; only the candidates' columns of the head are multiplied.
 */
export async function nextTokenProbabilities(
	model: Model,
	lora: Lora | null,
	prompts: number[][],
	candidates: number[],
): Promise<Float32Array[]> {
	prompts.forEach((prompt, i) => {
		if (prompt.length === 0) throw new RangeError(`nextTokenProbabilities: prompt ${i} is empty; expected at least one token`);
	});
	if (candidates.length === 0) throw new RangeError('nextTokenProbabilities: there are no candidates to share the probability');
	const policy = lora ? mergeLora(model, lora) : model;
	const head = tf.tidy(() => frozenColumns(policy.weights.lmHead, tf.tensor1d(candidates, 'int32'))); // [C, D]
	const results: Float32Array[] = [];
	try {
		for (const group of chunks(prompts)) {
			const probabilities = tf.tidy(() => tf.softmax(tf.matMul(readPrompts(policy, group), head, false, true))); // [B, C]
			const values = (await probabilities.data()) as Float32Array;
			probabilities.dispose();
			checkDevice();
			for (let at = 0; at < values.length; at += candidates.length) results.push(values.slice(at, at + candidates.length));
			await yieldToEvents();
		}
		return results;
	} finally {
		head.dispose();
		if (lora) disposeMerged(policy, model);
	}
}

/** The prompts, in their order, in groups of READ_TOKENS at most, or of one prompt. */
function chunks(prompts: number[][]): number[][][] {
	const groups: number[][][] = [];
	let room = 0;
	for (const prompt of prompts) {
		if (prompt.length > room) {
			groups.push([]);
			room = READ_TOKENS;
		}
		groups.at(-1)!.push(prompt);
		room -= prompt.length;
	}
	return groups;
}
