import { afterLesson, NOTHING_SETTLED } from '$lib/conscience/cadence';
import { remember, replay } from '$lib/conscience/pairBuffer';
import { resumedRandom, seededRandom } from '$lib/model/random';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { conscienceCalls } from './calls';

/**
 * Emergent Alignment (arXiv 2606.19527): at its cadence the conscience reads answers of the policy and writes preferences,
 * which L_DPO learns in every `dpoEvery`-th step, the newest with a replay of older ones.
 * With `from` the arm goes on from there.
 */
export function emergentAlignmentArm(context: ArmContext, from?: ConscienceState): Arm {
	const calls = conscienceCalls(context, from);
	const replays = from ? resumedRandom(from.replays) : seededRandom(context.experiment().seed, 'conscience replay');
	let { lessons, buffer } = from ?? { lessons: NOTHING_SETTLED, buffer: [] };

	return {
		async *prepare(step) {
			const found = yield* calls.before(step);
			const { bufferSize, dpoEvery, lambda, pairsPerStep } = context.experiment().conscience;
			buffer = remember(buffer, found, bufferSize);
			if (found.length > 0) lessons = NOTHING_SETTLED;
			const due = buffer.length > 0 && step % dpoEvery === 0 && step >= lessons.restUntil;
			return due && lambda > 0 ? replay(buffer, pairsPerStep, replays) : [];
		},
		learned(step, loss) {
			lessons = afterLesson(context.experiment().conscience, lessons, step, loss);
		},
		nextCall: () => calls.next(),
		adjust(before, step) {
			calls.adjust(before, step);
			buffer = remember(buffer, [], context.experiment().conscience.bufferSize);
		},
		state: () => ({ ...calls.state(), replays: replays.state(), lessons, buffer }),
	};
}
