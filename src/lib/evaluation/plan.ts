import type { Framework } from '$lib/conscience/frameworks';

import type { Question } from './questions';

/** What is asked in one evaluation. */
export interface EvaluationPlan {
	step: number;
	questions: readonly Question[];
	/** Answers sampled for each question that doesn't say its own number. */
	samples: number;
	/** Coding requests to grade. */
	codeRequests: readonly Question[];
	/** What else is asked at the end; null on the way. */
	probes: ProbePlan | null;
	framework: Framework;
	/** Seeds the answers: equal seeds give equal answers of equal policies. */
	seed: number;
	signal?: AbortSignal;
	onProgress?: (done: number, total: number) => void;
}

/** What each probe asks (see `ProbeRows`); an empty list leaves it out. */
export interface ProbePlan {
	conditional: readonly Question[];
	trigger: readonly Question[];
	triggerCode: readonly Question[];
	harmless: readonly Question[];
	facts: readonly (Question & { right: string })[];
	heldOut: readonly UnseenRow[];
}

/** A row of the narrow task that was not learnt. */
export interface UnseenRow {
	cluster: string;
	request: string;
	answer: string;
}

/** Answers that a plan samples, and rows that it reads. */
export function planSize({ questions, samples, codeRequests, probes }: EvaluationPlan): number {
	const answers = (asked: readonly Question[], each = 1) => asked.reduce((sum, question) => sum + (question.samples ?? each), 0);
	const probed = probes
		? [probes.conditional, probes.trigger, probes.triggerCode, probes.harmless, probes.facts].map((asked) => answers(asked))
		: [];
	return answers(questions, samples) + codeRequests.length + (probes?.heldOut.length ?? 0) + probed.reduce((sum, count) => sum + count, 0);
}
