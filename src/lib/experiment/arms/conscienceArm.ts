import { afterLesson, NOTHING_SETTLED } from '$lib/conscience/cadence';
import { remember, replay } from '$lib/conscience/pairBuffer';
import { resumedRandom, seededRandom } from '$lib/model/random';

import { exchangeTokens } from '../data';
import type { Method, Review } from '../methods/index';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { conscienceCalls } from './calls';
import { plainArm } from './plainArm';

/**
 * A method with a conscience: called at its cadence it finds pairs, and every `dpoEvery`-th step is taught the newest with a replay of older
 * ones, as a lesson that `teach` makes of them. Only lessons with L_DPO rest, and an adaptive cadence follows what each copy says: to compare
 * two such methods at equal cost, fix the cadence and set `dpoRestBelow` to 0.
 */
export function conscienceArm(
	teach: NonNullable<Method['teach']>,
	remembers: 'pairs' | 'reviews',
	context: ArmContext,
	from?: ConscienceState,
): Arm {
	const calls = conscienceCalls(context, remembers === 'pairs', from);
	const replays = from ? resumedRandom(from.replays) : seededRandom(context.experiment().seed, 'conscience replay');
	let { lessons, buffer, reviews } = from ?? { lessons: NOTHING_SETTLED, buffer: [], reviews: [] as readonly Review[] };

	return {
		...plainArm(context.checkpoint),
		async *prepare(step) {
			const found = yield* calls.before(step);
			const { bufferSize, dpoEvery, lambda, pairsPerStep } = context.experiment().conscience;
			buffer = remember(buffer, found.pairs, bufferSize);
			if (remembers === 'reviews') reviews = remember(reviews, found.reviews, bufferSize);
			if (found.pairs.length > 0) lessons = NOTHING_SETTLED;
			const due = buffer.length + reviews.length > 0 && step % dpoEvery === 0 && step >= lessons.restUntil && lambda > 0;
			if (!due) return {};
			const drawn = { pairs: replay(buffer, pairsPerStep, replays), reviews: replay(reviews, pairsPerStep, replays) };
			return teach(drawn, (question, answer) => exchangeTokens(question, answer, context.checkpoint.tokenizer));
		},
		learned(step, loss) {
			lessons = afterLesson(context.experiment().conscience, lessons, step, loss);
		},
		nextCall: () => calls.next(),
		adjust(before, step) {
			calls.adjust(before, step);
			const { bufferSize } = context.experiment().conscience;
			buffer = remember(buffer, [], bufferSize);
			reviews = remember(reviews, [], bufferSize);
		},
		state: () => ({
			conscience: { ...calls.state(), replays: replays.state(), lessons, buffer, reviews },
			gathered: null,
			watched: null,
		}),
	};
}
