/** Preference losses, their gradients and the implicit rewards against TRL; the numbers are from losses.py. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { preferenceLosses, rewards } from '$lib/dpo/losses';
import type { PreferenceLoss } from '$lib/dpo/preferenceLoss';
import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './losses.json';

/** Relative to the largest number of a case: a few units of F32's last place. */
const TOLERANCE = 2e-6;

describe.each(BACKENDS)('on %s', (backend) => {
	beforeAll(() => useBackend(backend));

	it.each(golden.cases)('$lossType, beta $beta, label smoothing $labelSmoothing', async (expected) => {
		const { beta, labelSmoothing } = expected;
		const config = { type: expected.lossType as PreferenceLoss, beta, labelSmoothing };
		const reference = { chosen: tf.tensor1d(expected.refChosenLogps), rejected: tf.tensor1d(expected.refRejectedLogps) };
		const lengths = { chosen: tf.tensor1d(expected.chosenLengths), rejected: tf.tensor1d(expected.rejectedLengths) };
		const policy = { chosen: tf.tensor1d(expected.chosenLogps), rejected: tf.tensor1d(expected.rejectedLogps) };

		const losses = (chosen: tf.Tensor1D, rejected: tf.Tensor1D) =>
			preferenceLosses({ policy: { chosen, rejected }, reference, lengths }, config);
		const [gradChosen, gradRejected] = tf.grads((chosen, rejected) => tf.sum(losses(chosen as tf.Tensor1D, rejected as tf.Tensor1D)))([
			policy.chosen,
			policy.rejected,
		]);
		const reward = rewards({ policy, reference }, beta);

		await compare(losses(policy.chosen, policy.rejected), expected.losses);
		await compare(gradChosen!, expected.gradChosen);
		await compare(gradRejected!, expected.gradRejected);
		await compare(reward.chosen, expected.chosenRewards);
		await compare(reward.rejected, expected.rejectedRewards);
	});
});

async function compare(actual: tf.Tensor, expected: number[]): Promise<void> {
	expectClose(await actual.data(), expected, TOLERANCE * Math.max(1, ...expected.map(Math.abs)));
}
