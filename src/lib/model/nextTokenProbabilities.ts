import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { bucketLength } from './batch';
import { yieldToEvents } from './eventLoop';
import { disposeMerged, mergeLora, type Lora } from './lora';
import { disposePrefix, readCommonPrefix, readPrompts } from './readPrompts';
import type { Model } from './weights';

/** Tokens in one pass, padding included: enough to keep a backend busy, few enough to keep the attention scores small. */
const MAX_TOKENS = 4096;

/**
 * P(candidate | prompt), the candidates alone sharing the probability: softmax over their logits after each prompt.
 * One right-padded pass for each group of prompts of like length, after one for what all of them begin with (a judge's
 * instructions, say); only the candidates' columns of the head are multiplied.
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
	const head = tf.tidy(() => tf.gather(policy.weights.lmHead, tf.tensor1d(candidates, 'int32'), 1)); // [D, C]
	const prefix = readCommonPrefix(policy, prompts);
	const results = Array<Float32Array>(prompts.length);
	try {
		for (const chunk of chunks(prompts, prefix?.length ?? 0)) {
			const group = chunk.map((i) => prompts[i]!);
			const probabilities = tf.tidy(() => tf.softmax(tf.matMul(readPrompts(policy, group, { prefix }), head))); // [B, C]
			const values = (await probabilities.data()) as Float32Array;
			probabilities.dispose();
			checkDevice();
			chunk.forEach((i, row) => (results[i] = values.slice(row * candidates.length, (row + 1) * candidates.length)));
			await yieldToEvents();
		}
		return results;
	} finally {
		head.dispose();
		disposePrefix(prefix);
		if (lora) disposeMerged(policy, model);
	}
}

/** Indices of the prompts, shortest first, in groups of one padded length and MAX_TOKENS at most. */
function chunks(prompts: number[][], prefixLength: number): number[][] {
	const padded = prompts.map((prompt) => bucketLength(prompt.length - prefixLength));
	const order = prompts.map((_, i) => i).sort((a, b) => padded[a]! - padded[b]!);
	const groups: number[][] = [];
	for (const i of order) {
		const group = groups.at(-1);
		const T = padded[i]!;
		if (group && padded[group[0]!] === T && (group.length + 1) * T <= MAX_TOKENS) group.push(i);
		else groups.push([i]);
	}
	return groups;
}
