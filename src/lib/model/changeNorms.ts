import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { type Lora, loraPairs, loraScale, type Projection } from './lora';

/** How much an adapter changes one projection. */
export interface ChangeNorm {
	layer: number;
	projection: Projection;
	/** ‖s·B·A‖_F: the root of the sum of squares of what is added to the projection's weights. */
	norm: number;
}

/** What an adapter adds to each projection, layer by layer: ‖s·B·A‖_F = s·√Σ (BᵀB ∘ AAᵀ), for which no matrix [out, in] is made. */
export async function changeNorms(lora: Lora): Promise<ChangeNorm[]> {
	const squares = tf.tidy(() => {
		const pairs = loraPairs(lora).flatMap((layer) => Object.values(layer));
		return tf.stack(
			pairs.map(({ loraA, loraB }) => tf.sum(tf.mul(tf.matMul(loraA, loraA, false, true), tf.matMul(loraB, loraB, true, false)))), // [R, R] each
		);
	});
	const values = await squares.data();
	squares.dispose();
	checkDevice();
	const adapted = lora.parts.filter(({ half }) => half === 'A');
	return adapted.map(({ layer, projection }, i) => ({
		layer,
		projection,
		norm: loraScale(lora.config, layer, projection) * Math.sqrt(Math.max(0, values[i]!)),
	}));
}
