import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { bucketRows } from './batch';
import { hiddenStates, residualStream } from './decoder';
import { type PackedTokens, packTokens } from './packing';
import { normal, type Random } from './random';
import type { Reading } from './readings';
import type { Directions } from './steering';
import { unsteered } from './steering';
import type { Model } from './weights';

/** One prompt with two answers, as token ids: what lies between them is what the vectors are to read. */
export interface Contrast {
	prompt: readonly number[];
	towards: readonly number[];
	away: readonly number[];
}

/** What the answers left in one layer: the residual stream behind it, averaged over each answer's tokens, [D] of each contrast. */
export interface ContrastStates {
	towards: Float32Array[];
	away: Float32Array[];
}

/** Contrasts that are read at once. */
const CHUNK = 32;

/** Lets the base, its adapter off, read both answers of each contrast: the states behind each of the blocks `layers` (counted from 0, rising). */
export async function contrastStates(model: Model, contrasts: readonly Contrast[], layers: readonly number[]): Promise<ContrastStates[]> {
	return readContrasts(model, contrasts, layers.length, (base, packed, wanted) => residualStream(base, packed, null, wanted, layers));
}

/** The same behind the final norm, which the scores of the next token are made of. */
export async function finalContrastStates(model: Model, contrasts: readonly Contrast[]): Promise<ContrastStates> {
	const [states] = await readContrasts(model, contrasts, 1, (base, packed, wanted) => [hiddenStates(base, packed, null, wanted)]);
	return states!;
}

/** The states of the `wanted` rows of packed tokens, [M, D] of each place that is read. */
type ReadStates = (base: Model, packed: PackedTokens, wanted: tf.Tensor1D) => tf.Tensor2D[];

async function readContrasts(model: Model, contrasts: readonly Contrast[], places: number, read: ReadStates): Promise<ContrastStates[]> {
	if (contrasts.length === 0) throw new RangeError('contrastStates: there are no contrasts; expected at least one');
	const { hiddenSize: D } = model.config;
	const found = Array.from({ length: places }, (): ContrastStates => ({ towards: [], away: [] }));
	for (let start = 0; start < contrasts.length; start += CHUNK) {
		const chunk = contrasts.slice(start, start + CHUNK);
		const means = tf.tidy(() => tf.concat(answerMeans(unsteered(model), chunk, read))); // [places · 2P, D]
		const values = (await means.data()) as Float32Array;
		means.dispose();
		checkDevice();
		const row = (i: number) => values.slice(i * D, (i + 1) * D);
		found.forEach(({ towards, away }, l) =>
			chunk.forEach((_, p) => {
				towards.push(row(2 * l * chunk.length + 2 * p));
				away.push(row(2 * l * chunk.length + 2 * p + 1));
			}),
		);
	}
	return found;
}

/** The mean state of every answer, both of a contrast in turn: [2P, D] of each place. */
function answerMeans(model: Model, contrasts: readonly Contrast[], read: ReadStates): tf.Tensor2D[] {
	const packed = packTokens(contrasts.map(({ prompt, towards, away }) => ({ stem: prompt, branches: [towards, away] })));
	const answers = contrasts.flatMap(({ prompt, towards, away }, p) => {
		const first = packed.spans[p]!.first + prompt.length;
		return [
			{ first, length: towards.length },
			{ first: first + towards.length, length: away.length },
		];
	});
	const M = bucketRows(answers.reduce((sum, { length }) => sum + length, 0));
	const rows = new Int32Array(M);
	const shares = new Float32Array(answers.length * M); // of each row in each answer's mean
	let m = 0;
	answers.forEach(({ first, length }, b) => {
		if (length === 0) throw new RangeError(`contrastStates: answer ${b % 2} of contrast ${Math.floor(b / 2)} is empty`);
		for (let t = 0; t < length; t++, m++) {
			rows[m] = first + t;
			shares[b * M + m] = 1 / length;
		}
	});
	const wanted = tf.tensor1d(rows, 'int32');
	const owner = tf.tensor2d(shares, [answers.length, M]);
	return read(model, packed, wanted).map((states) => tf.matMul(owner, states));
}

/** mean(towards) − mean(away): [D]. */
export function meanDifference({ towards, away }: ContrastStates): Float32Array {
	return Float32Array.from(mean(differences(towards, away)));
}

/**
 * The first principal component of the recentred differences, every second of them turned round, so that what the pairs have in common varies
 * and is not taken off with the mean; of length 1, and towards the side that its name says: [D]. By power iteration from the longest difference.
 * @throws RangeError where all differences are the same
 */
export function principalDifference({ towards, away }: ContrastStates): Float32Array {
	const between = differences(towards, away);
	const turned = between.map((difference, i) => difference.map((value) => (i % 2 === 0 ? value : -value)));
	const centre = mean(turned);
	const rows = turned.map((row) => row.map((value, d) => value - centre[d]!));
	let component = unit(rows.reduce((longest, row) => (dot(row, row) > dot(longest, longest) ? row : longest)));
	for (let i = 0; i < MOST_ITERATIONS; i++) {
		const next = new Float64Array(component.length);
		for (const row of rows) {
			const weight = dot(row, component);
			row.forEach((value, d) => (next[d]! += weight * value));
		}
		const before = component;
		component = unit(next);
		if (component.every((value, d) => Math.abs(value - before[d]!) < CONVERGED)) break;
	}
	const sign = dot(component, mean(between)) < 0 ? -1 : 1;
	return Float32Array.from(component, (value) => sign * value);
}

const MOST_ITERATIONS = 10_000;
const CONVERGED = 1e-10;

/** Every direction is as long as its layer's difference of means, so that one strength moves the states as far by whichever. */
export function directionOf(reading: Reading, states: ContrastStates, random: Random): Float32Array {
	const difference = meanDifference(states);
	if (reading === 'mean-difference') return difference;
	const direction =
		reading === 'lat' ? Float64Array.from(principalDifference(states)) : Float64Array.from(difference, () => normal(random));
	const length = Math.sqrt(dot(Float64Array.from(difference), Float64Array.from(difference)));
	return Float32Array.from(unit(direction), (value) => length * value);
}

/** One direction for each layer of the model, null for those that `layers` does not name. `random` is drawn from by the reading `random` alone. */
export async function readDirections(
	model: Model,
	contrasts: readonly Contrast[],
	{ reading, layers, random }: { reading: Reading; layers: readonly number[]; random: Random },
): Promise<Directions> {
	const { numHiddenLayers } = model.config;
	const stray = layers.find((layer) => layer < 0 || layer >= numHiddenLayers);
	if (stray !== undefined) throw new RangeError(`readDirections: there is no layer ${stray}; the model has 0 to ${numHiddenLayers - 1}`);
	const rising = [...new Set(layers)].sort((a, b) => a - b);
	const states = await contrastStates(model, contrasts, rising);
	const directions: (Float32Array | null)[] = Array.from({ length: numHiddenLayers }, () => null);
	rising.forEach((layer, i) => (directions[layer] = directionOf(reading, states[i]!, random)));
	return directions;
}

const differences = (towards: readonly Float32Array[], away: readonly Float32Array[]): Float64Array[] =>
	towards.map((state, i) => Float64Array.from(state, (value, d) => value - away[i]![d]!));

function mean(rows: readonly Float64Array[]): Float64Array {
	const sum = new Float64Array(rows[0]!.length);
	for (const row of rows) row.forEach((value, d) => (sum[d]! += value / rows.length));
	return sum;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, d) => sum + value * b[d]!, 0);

function unit(row: Float64Array): Float64Array {
	const length = Math.sqrt(dot(row, row));
	if (length === 0) throw new RangeError('principalDifference: all differences are the same, so nothing varies between the pairs');
	return row.map((value) => value / length);
}
