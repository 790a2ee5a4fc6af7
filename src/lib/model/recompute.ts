import * as tf from '@tensorflow/tfjs-core';

import { releaseBuffers } from './kernels/launch';

/** Computes a block from what its gradient is wanted of, and from tensors that it reads beside that. */
type Block = (inputs: tf.Tensor[], read: tf.Tensor[]) => tf.Tensor2D;

/**
 * Gradient checkpointing (arXiv:1604.06174): `block` of these tensors, of which the tape keeps no more than the tensors themselves. For the
 * gradient it is computed again, so that a decoder takes the memory of one block's inner states at a time for half as much work more.
 * Tensors that `block` takes from elsewhere must outlive the gradient.
 */
export function recomputed(block: Block, inputs: tf.Tensor[], read: tf.Tensor[]): tf.Tensor2D {
	releaseBuffers(); // of the block before
	const forward = tf.customGrad((...given) => {
		const save = given.pop() as unknown as (kept: tf.Tensor[]) => void;
		save([...inputs, ...read]);
		return {
			value: block(inputs, read),
			gradFunc: (dy: tf.Tensor2D, saved: tf.Tensor[]) =>
				gradientsAgain(block, saved.slice(0, inputs.length), saved.slice(inputs.length), dy),
		};
	});
	return forward(...inputs);
}

/** While one tape is read backwards tfjs keeps no place for another: the one that is read is put aside. */
function gradientsAgain(block: Block, inputs: tf.Tensor[], read: tf.Tensor[], dy: tf.Tensor2D): tf.Tensor[] {
	releaseBuffers(); // of the block before
	const { state } = tf.engine() as unknown as { state: { activeTape: unknown } };
	const { activeTape } = state;
	try {
		return tf.engine().gradients(() => block(inputs, read), inputs, dy).grads;
	} finally {
		state.activeTape = activeTape;
	}
}
