import * as tf from '@tensorflow/tfjs-core';

/** How the gradient of the narrow task, g, and that of all that a method adds, h, lie to one another. Null where a step has only one of them. */
export interface GradientAngle {
	/** g·h / (‖g‖·‖h‖): 1 where both pull the same way, below 0 where one undoes what the other does. */
	'gradients/cosine': number | null;
	/** ‖h‖ / (‖g‖ + ‖h‖). */
	'gradients/share': number | null;
}

/** [Σgh, Σg², Σh²] of two gradients [n], on the device. */
export const gradientProducts = (g: tf.Tensor1D, h: tf.Tensor1D): tf.Tensor1D =>
	tf.stack([tf.mul(g, h), tf.square(g), tf.square(h)].map((values) => tf.sum(values))) as tf.Tensor1D;

/** What follows from the products; zeros are the products of a step with one gradient. */
export function gradientAngle(product: number, taskSquare: number, addedSquare: number): GradientAngle {
	const [task, added] = [Math.sqrt(taskSquare), Math.sqrt(addedSquare)];
	if (!(task * added > 0)) return { 'gradients/cosine': null, 'gradients/share': null };
	const cosine = Math.min(1, Math.max(-1, product / (task * added))); // rounding may take it beyond
	return { 'gradients/cosine': cosine, 'gradients/share': added / (task + added) };
}
