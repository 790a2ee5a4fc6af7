/** Judges that are controls: each takes one thing from the frozen copy, so that a run shows what that thing was worth. */
import { sampleWithoutReplacement, seededRandom } from '$lib/model/random';

import { type Exchange, type Judge, type JudgeEngine, type Verdict, verdictOf } from './judge';

/**
 * Gives the verdicts of a call to its answers in another order, the same for equal answers: as many are flagged as by the judge itself,
 * and not for what they say. Alternatives are dealt with alike, among themselves.
 */
export const permutedJudge = (judge: Judge): Judge =>
	altered(judge, 'permuted', (verdicts, items) => {
		const order = seededRandom(0, JSON.stringify(items.map(({ question, answer }) => [question, answer])));
		return sampleWithoutReplacement(order, verdicts, verdicts.length);
	});

/** Calls unethical what the judge finds ethical, and the other way round; of the alternatives it passes those that the judge would not. */
export const invertedJudge = (judge: Judge): Judge =>
	altered(judge, 'inverted', (verdicts) =>
		verdicts.map(({ probabilities: { ethical, neutral, unethical } }) => verdictOf([unethical, neutral, ethical])),
	);

/** The judge, with other verdicts made of its own. */
function altered(judge: Judge, engine: JudgeEngine, alter: (verdicts: Verdict[], items: readonly Exchange[]) => Verdict[]): Judge {
	return {
		...judge,
		identity: { ...judge.identity, engine },
		async verdicts(items, framework, signal) {
			const { verdicts, tokens } = await judge.verdicts(items, framework, signal);
			return { verdicts: alter(verdicts, items), tokens };
		},
	};
}
