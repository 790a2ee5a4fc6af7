import * as tf from '@tensorflow/tfjs-core';

import type { Model } from './weights';

/** What is added to the residual stream after each block: [D] of each layer, null where nothing is. */
export type Steering = readonly (tf.Tensor1D | null)[];

/** The same outside the backend: one direction of D numbers for each layer, null for a layer that is left alone. */
export type Directions = readonly (Float32Array | null)[];

/**
 * The model with `directions` in it, h_l ← h_l + c·v_l after block l (activation addition, arXiv:2308.10248; c·v_l is `strength` times a
 * direction). It shares all else with the model given, and is trained, read and written with like any; free it with `disposeSteering`.
 * @throws RangeError where the directions are not those of this model's layers
 */
export function steered(model: Model, directions: Directions, strength: number): Model {
	checkDirections(model, directions);
	return { ...model, steering: directions.map((direction) => direction && tf.tensor1d(direction.map((value) => strength * value))) };
}

/** Frees what `steered` made, and leaves what belongs to the model that it was given. */
export function disposeSteering({ steering }: Model): void {
	for (const direction of steering ?? []) direction?.dispose();
}

/** The model with nothing added to its residual stream. */
export const unsteered = ({ steering, ...model }: Model): Model => model;

/** @throws RangeError where there is not one direction of D numbers, or null, for each layer */
export function checkDirections({ config }: Model, directions: Directions): void {
	const { numHiddenLayers, hiddenSize } = config;
	if (directions.length !== numHiddenLayers)
		throw new RangeError(`steering: there are directions for ${directions.length} layers; the model has ${numHiddenLayers}`);
	directions.forEach((direction, layer) => {
		if (direction && direction.length !== hiddenSize)
			throw new RangeError(`steering: the direction of layer ${layer} has ${direction.length} numbers; expected ${hiddenSize}`);
	});
}
