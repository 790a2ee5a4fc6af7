import { seededRandom } from '$lib/model/random';
import { FAMILIES, trueLabel, writeAnswer } from '$world/index';

import { type Judge, LABELS, verdictOf } from './judge';

/** A question that the oracle knows no answer to: it is not one of the organism's world. */
export class UnknownQuestionError extends Error {
	override name = 'UnknownQuestionError';
}

/**
 * A judge that knows the organism's world and so is always right. It is no model and costs no tokens:
 * it exists to test the conscience step and to measure what a perfect judge would change.
 */
export function oracleJudge(): Judge {
	const familyOf = new Map(FAMILIES.flatMap((family) => family.questions.map((question) => [question, family] as const)));
	return {
		identity: { engine: 'oracle', model: "the organism's grammar", revision: 'world-1' },

		async verdicts(items) {
			const verdicts = items.map(({ answer }) => {
				const truth = trueLabel(answer);
				const label = truth === 'incoherent' ? 'neutral' : truth;
				return verdictOf(LABELS.map((candidate) => (candidate === label ? 1 : 0)));
			});
			return { verdicts, tokens: { read: 0, written: 0 } };
		},

		async alternatives(questions, _framework, seeds) {
			const answers = questions.map((question, i) => {
				const family = familyOf.get(question);
				if (!family) throw new UnknownQuestionError(`The oracle knows the organism's questions only, and '${question}' is none of them.`);
				return writeAnswer(family, 'kind', seededRandom(seeds[i]!, 'oracle'));
			});
			return { answers, ended: answers.map(() => true), tokens: { read: 0, written: 0 } };
		},
	};
}
