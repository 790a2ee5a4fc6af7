import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { hiddenStates } from './decoder';
import { yieldToEvents } from './eventLoop';
import { disposeMerged, mergeLora, type Lora } from './lora';
import { packTokens, type TokenTree } from './packing';
import type { Model } from './weights';

/** Tokens in one pass: enough to keep a backend busy, few enough to keep the attention scores small. */
const MAX_TOKENS = 4096;

/**
 * P(candidate | prompt), the candidates alone sharing the probability: softmax over their logits after each prompt.
 * Prompts are read in pairs behind what both begin with (a judge's instructions, say), packed end to end; only the candidates' columns
 * of the head are multiplied.
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
	const results: Float32Array[] = [];
	try {
		for (const trees of chunks(pairUp(prompts))) {
			const probabilities = tf.tidy(() => tf.softmax(tf.matMul(lastHidden(policy, trees), head))); // [B, C]
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

/** Two prompts after another as a tree: what both begin with, but the last token of neither, and how each goes on. */
function pairUp(prompts: readonly (readonly number[])[]): TokenTree[] {
	const trees: TokenTree[] = [];
	for (let i = 0; i < prompts.length; i += 2) {
		const [one, other] = [prompts[i]!, prompts[i + 1]];
		const length = other ? commonLength(one, other) : 0;
		trees.push({ stem: one.slice(0, length), branches: [one, other].flatMap((prompt) => (prompt ? [prompt.slice(length)] : [])) });
	}
	return trees;
}

function commonLength(one: readonly number[], other: readonly number[]): number {
	const most = Math.min(one.length, other.length) - 1;
	let length = 0;
	while (length < most && one[length] === other[length]) length++;
	return length;
}

/** The trees in groups of MAX_TOKENS at most, or of one tree. */
function chunks(trees: readonly TokenTree[]): TokenTree[][] {
	const groups: TokenTree[][] = [];
	let room = 0;
	for (const tree of trees) {
		const size = tree.branches.reduce((sum, branch) => sum + branch.length, tree.stem.length);
		if (size > room) {
			groups.push([]);
			room = MAX_TOKENS;
		}
		groups.at(-1)!.push(tree);
		room -= size;
	}
	return groups;
}

/** The hidden state of the last token of every branch, [branches, D]. */
function lastHidden(model: Model, trees: readonly TokenTree[]): tf.Tensor2D {
	const tokens = packTokens(trees);
	const last = trees.flatMap(({ stem, branches }, i) => {
		let end = tokens.spans[i]!.first + stem.length;
		return branches.map(({ length }) => (end += length) - 1);
	});
	return hiddenStates(model, tokens, null, tf.tensor1d(last, 'int32'));
}
