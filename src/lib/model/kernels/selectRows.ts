import * as tf from '@tensorflow/tfjs-core';

/**
 * Rows of `x` [R, D] at `rows` [N] int32 → [N, D]; a row that is taken twice gets the sum of both gradients.
 * tf.gather's own gradient needs UnsortedSegmentSum, which tfjs-wasm lacks; scattering back is the same.
 */
export function selectRows(x: tf.Tensor2D, rows: tf.Tensor1D): tf.Tensor2D {
	const { shape } = x;
	const select = tf.customGrad((all, save) => {
		(save as (tensors: tf.Tensor[]) => void)([rows]);
		return {
			value: tf.gather(all as tf.Tensor2D, rows),
			gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.scatterND(tf.expandDims(saved[0]!, 1), dy, shape),
		};
	});
	return select(x);
}
