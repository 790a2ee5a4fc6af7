/** KL(p ‖ q) over a vocabulary, in one chunk and in several, against its definition. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { frozenFloats } from '$lib/model/kernels/frozenMatrix';
import { tokenDivergences } from '$lib/model/kernels/tokenDivergences';
import { normal, seededRandom } from '$lib/model/random';

import { BACKENDS, expectClose, useBackend } from './backends';

const random = seededRandom(3, 'divergences');
const numbers = (count: number) => Float32Array.from({ length: count }, () => normal(random));

describe.each(BACKENDS)('on %s', (backend) => {
	beforeAll(() => useBackend(backend));

	// 8 MB of scores are held at once: of 16,384 words they are 128 rows, so that 130 rows are two chunks.
	it.each([
		{ N: 5, V: 37, tolerance: 1e-5 },
		{ N: 130, V: 16_384, tolerance: 2e-5 }, // sums of so many terms in F32
	])('$N rows of $V words: values and gradient', async ({ N, V, tolerance }) => {
		const D = 4;
		const [x, y, weights] = [numbers(N * D), numbers(N * D), numbers(D * V)];
		const dy = numbers(N);
		const before = tf.memory().numTensors;
		const [hidden, frozen, head] = [tf.tensor2d(x, [N, D]), tf.tensor2d(y, [N, D]), frozenFloats(tf.tensor2d(weights, [D, V]))];
		const { value, grad } = tf.tidy(() =>
			tf.valueAndGrad((input) => tokenDivergences(input as tf.Tensor2D, frozen, head))(hidden, tf.tensor1d(dy)),
		);
		const { values, gradients } = byDefinition(x, y, weights, dy, { N, D, V });
		expectClose(await value.data(), values, tolerance);
		expectClose(await grad.data(), gradients, 5 * tolerance); // the numbers go up to 12
		tf.dispose([value, grad, hidden, frozen, head.stored]);
		expect(tf.memory().numTensors).toBe(before);
	});
});

/** In float64: Σ p·(log p − log q), and its gradient (q − p)·headᵀ, weighted by `dy`. */
function byDefinition(
	hidden: Float32Array,
	frozen: Float32Array,
	head: Float32Array,
	dy: Float32Array,
	{ N, D, V }: { N: number; D: number; V: number },
): { values: number[]; gradients: number[] } {
	const logps = (x: Float32Array, n: number) => {
		const scores = Float64Array.from({ length: V }, (_, v) => {
			let sum = 0;
			for (let d = 0; d < D; d++) sum += x[n * D + d]! * head[d * V + v]!;
			return sum;
		});
		const top = scores.reduce((a, b) => Math.max(a, b));
		const whole = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
		return scores.map((score) => score - whole);
	};
	const [values, gradients]: [number[], number[]] = [[], []];
	for (let n = 0; n < N; n++) {
		const [p, q] = [logps(frozen, n), logps(hidden, n)];
		const apart = p.map((logp, v) => Math.exp(q[v]!) - Math.exp(logp));
		values.push(p.reduce((sum, logp, v) => sum + Math.exp(logp) * (logp - q[v]!), 0));
		for (let d = 0; d < D; d++) gradients.push(dy[n]! * apart.reduce((sum, change, v) => sum + change * head[d * V + v]!, 0));
	}
	return { values, gradients };
}
