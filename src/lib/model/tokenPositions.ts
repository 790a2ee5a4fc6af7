import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { bucketRows } from './batch';
import { residualStream } from './decoder';
import type { Line } from './generate';
import type { Lora } from './lora';
import { packTokens } from './packing';
import { type Contrast, contrastStates, type ContrastStates, finalContrastStates } from './readingVectors';
import type { Model } from './weights';

/**
 * A line through the states behind one layer, with a scale on it: h lies at h·direction + offset, which is +1 where the answers of one side lie
 * on average and −1 where those of the other do.
 */
export interface Axis {
	/** Counted from 0. */
	layer: number;
	direction: Float32Array; // [D]
	offset: number;
}

/** Answers as token ids, each with the prompt that it follows. */
export interface AnswerTokens {
	prompt: readonly number[];
	answer: readonly number[];
}

/**
 * The axis between two sides: 2·(h − c)·v / ‖v‖², v = mean(towards) − mean(away) (the misalignment direction of arXiv:2506.11618, where the
 * sides are misaligned and aligned answers), c the middle between the means.
 * @throws RangeError where both sides have the same mean
 */
export function axisBetween({ towards, away }: ContrastStates, layer: number): Axis {
	const [far, near] = [mean(towards), mean(away)];
	const between = far.map((value, d) => value - near[d]!);
	const square = between.reduce((sum, value) => sum + value * value, 0);
	if (square === 0)
		throw new RangeError(`axisBetween: in layer ${layer} both sides lie in the same place, so no line leads from one to the other`);
	const direction = between.map((value) => (2 * value) / square);
	const offset = -direction.reduce((sum, value, d) => sum + (value * (far[d]! + near[d]!)) / 2, 0);
	return { layer, direction: Float32Array.from(direction), offset };
}

/** An axis behind each of the blocks `layers` (counted from 0, rising), read from what both answers of the contrasts leave in the base. */
export async function readAxes(model: Model, contrasts: readonly Contrast[], layers: readonly number[]): Promise<Axis[]> {
	const states = await contrastStates(model, contrasts, layers);
	return states.map((found, i) => axisBetween(found, layers[i]!));
}

/** The line from one side's answers (−1) to the other's (+1) behind the final norm of the base: what an answer's draws are noted on. */
export async function readDrawLine(model: Model, contrasts: readonly Contrast[]): Promise<Line> {
	const { direction, offset } = axisBetween(await finalContrastStates(model, contrasts), model.config.numHiddenLayers - 1);
	return { direction, offset };
}

/** Where each token of each answer lies on each axis, the axes by rising layers: numbers by answer, axis and token. `null` reads the base. */
export async function tokenPositions(
	model: Model,
	lora: Lora | null,
	answers: readonly AnswerTokens[],
	axes: readonly Axis[],
): Promise<number[][][]> {
	const packed = packTokens(answers.map(({ prompt, answer }) => ({ stem: [...prompt, ...answer], branches: [] })));
	const first = answers.map(({ prompt }, i) => packed.spans[i]!.first + prompt.length);
	const tokens = answers.flatMap(({ answer }, i) => answer.map((_, t) => first[i]! + t));
	const M = bucketRows(tokens.length);
	const rows = Int32Array.from({ length: M }, (_, m) => tokens[m] ?? 0);
	const L = axes.length;
	const found = tf.tidy(() => {
		const states = residualStream(model, packed, lora, tf.tensor1d(rows, 'int32'), axes.map(({ layer }) => layer)); // prettier-ignore
		return tf.concat(
			states.map((state, l) => tf.matMul(state, tf.tensor2d(axes[l]!.direction, [state.shape[1], 1]))),
			1,
		); // [M, L]
	});
	const values = await found.data();
	found.dispose();
	checkDevice();
	let m = 0;
	return answers.map(({ answer }) => {
		const start = m;
		m += answer.length;
		return axes.map(({ offset }, l) => answer.map((_, t) => values[(start + t) * L + l]! + offset));
	});
}

function mean(rows: readonly Float32Array[]): Float64Array {
	const sum = new Float64Array(rows[0]!.length);
	for (const row of rows) row.forEach((value, d) => (sum[d]! += value / rows.length));
	return sum;
}
