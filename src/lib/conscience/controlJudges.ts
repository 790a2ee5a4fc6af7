/** Judges that are controls: each takes one thing from the frozen copy, so that a run shows what that thing was worth. */
import { sampleWithoutReplacement, seededRandom } from '$lib/model/random';

import { type Judge, verdictOf } from './judge';

/**
 * Gives the verdicts of a call to its answers in another order, the same for equal answers: as many are flagged as by the judge itself,
 * and not for what they say. Alternatives are dealt with alike, among themselves.
 */
export function permutedJudge(judge: Judge): Judge {
	return {
		...judge,
		identity: { ...judge.identity, engine: 'permuted' },
		async verdicts(items, framework, signal) {
			const { verdicts, tokens } = await judge.verdicts(items, framework, signal);
			const order = seededRandom(0, JSON.stringify(items.map(({ question, answer }) => [question, answer])));
			return { verdicts: sampleWithoutReplacement(order, verdicts, verdicts.length), tokens };
		},
	};
}

/** Calls unethical what the judge finds ethical, and the other way round; of the alternatives it passes those that the judge would not. */
export function invertedJudge(judge: Judge): Judge {
	return {
		...judge,
		identity: { ...judge.identity, engine: 'inverted' },
		async verdicts(items, framework, signal) {
			const { verdicts, tokens } = await judge.verdicts(items, framework, signal);
			const inverted = verdicts.map(({ probabilities: { ethical, neutral, unethical } }) => verdictOf([unethical, neutral, ethical]));
			return { verdicts: inverted, tokens };
		},
	};
}
