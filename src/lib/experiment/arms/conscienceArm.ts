import { afterLesson, NOTHING_SETTLED } from '$lib/conscience/cadence';
import { remember, replay } from '$lib/conscience/pairBuffer';
import { resumedRandom, seededRandom } from '$lib/model/random';

import type { Method } from '../methods/index';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { conscienceCalls } from './calls';

/**
 * A method with a conscience: called at its cadence it finds pairs, and every `dpoEvery`-th step is taught the newest with a replay of older
 * ones, as a lesson that `teach` makes of them. Only lessons with L_DPO rest, and an adaptive cadence follows what each copy says: to compare
 * two such methods at equal cost, fix the cadence and set `dpoRestBelow` to 0.
 */
export function conscienceArm(teach: NonNullable<Method['teach']>, context: ArmContext, from?: ConscienceState): Arm {
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
			return teach(due && lambda > 0 ? replay(buffer, pairsPerStep, replays) : []);
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
