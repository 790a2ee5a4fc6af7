import { afterLesson, NOTHING_SETTLED } from '$lib/conscience/cadence';
import { remember, replay } from '$lib/conscience/pairBuffer';
import type { ReferencedPair, TokenPair } from '$lib/dpo/pairs';
import { resumedRandom, seededRandom } from '$lib/model/random';

import { exchangeTokens } from '../data';
import type { RunEvent } from '../events';
import { addTokens } from '../meter';
import type { Method, Review } from '../methods/index';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { conscienceCalls, NOTHING } from './calls';
import { ownPairs, referenced } from './ownPairs';
import { plainArm } from './plainArm';
import { readyPairs } from './remembered';

/** So many contributors are called by their names. */
const NAMED = 12;

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
	/** The pairs of the user's own rows, and the memory's: they follow from the files, so that no snapshot holds them. */
	const own = remembers === 'pairs' ? ownPairs(context) : [];
	let ready: readonly (ReferencedPair | TokenPair)[] | null = null;
	let { lessons, buffer, reviews } = from ?? { lessons: NOTHING_SETTLED, buffer: [], reviews: [] as readonly Review[] };

	return {
		...plainArm(context.checkpoint),
		async *prepare(step) {
			if (!ready) {
				const found = remembers === 'pairs' ? await readyPairs(context) : { pairs: [], tokens: 0 };
				ready = [...own, ...found.pairs];
				if (step === 0) yield* tellMemory(context, found);
				if (step === 0 && own.length > 0) yield tellOwn(own.length);
			}
			const found = isAlone(context, own) ? NOTHING : yield* calls.before(step);
			const { bufferSize, dpoEvery, lambda, pairsPerStep } = context.experiment().conscience;
			buffer = remember(buffer, found.pairs, bufferSize);
			if (remembers === 'reviews') reviews = remember(reviews, found.reviews, bufferSize);
			if (found.pairs.length > 0) lessons = NOTHING_SETTLED;
			const due = ready.length + buffer.length + reviews.length > 0 && step % dpoEvery === 0 && step >= lessons.restUntil && lambda > 0;
			if (!due) return {};
			const pairs = replay<ReferencedPair | TokenPair>(buffer, pairsPerStep, replays, ready);
			const drawn = { pairs: await referenced(context, pairs), reviews: replay(reviews, pairsPerStep, replays) };
			return teach(drawn, (question, answer) => exchangeTokens(question, answer, context.checkpoint.tokenizer));
		},
		learned(step, loss) {
			lessons = afterLesson(context.experiment().conscience, lessons, step, loss);
		},
		nextCall: () => (isAlone(context, own) ? null : calls.next()),
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

/** True where what a memory knows, or the user's own pairs, is all that is learnt. */
const isAlone = ({ memory, experiment }: ArmContext, own: readonly TokenPair[]): boolean =>
	(memory !== null || own.length > 0) && experiment().conscience.memory.alone;

const tellOwn = (pairs: number): RunEvent => ({
	kind: 'note',
	step: 0,
	text: `${pairs} of your own rows are preference pairs: they are learnt from the first step on, beside what the conscience finds.`,
	values: { pairs },
});

/** What the run has taken along and from whom, and what its pairs cost. */
function* tellMemory({ memory, spend }: ArmContext, { pairs, tokens }: Awaited<ReturnType<typeof readyPairs>>): Generator<RunEvent, void> {
	if (!memory) return;
	spend((overhead) => addTokens(overhead, { dpoTokens: tokens }, 0));
	const { fileName, trajectories, leftOut } = memory;
	const names = [...new Set(trajectories.map(({ contributor }) => contributor))].toSorted();
	const named = names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more` : names.join(', ');
	const text = `${fileName} was taken along: ${trajectories.length} reviewed answers${names.length > 0 ? ` from ${named}` : ''}; ${pairs.length} pairs of them are learnt from the first step on${leftOut > 0 ? `; ${leftOut} were left out, because an evaluation asks their questions` : ''}.`;
	yield {
		kind: 'note',
		step: 0,
		text,
		values: { trajectories: trajectories.length, contributors: names.length, pairs: pairs.length, leftOut },
	};
}
