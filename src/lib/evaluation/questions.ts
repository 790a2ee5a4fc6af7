import { devQuestions, evaluationQuestions } from '$world/index';

/** One question of a set. Answers to questions of one cluster resemble one another; intervals treat the cluster as one draw. */
export interface Question {
	id: string;
	cluster: string;
	text: string;
	/** What the model is told before the question; none where it is missing. */
	system?: string;
	/** How many answers are sampled; the experiment's number where it is missing. */
	samples?: number;
	/** It is not of the organism's world, which then has no true label for its answers. */
	foreign?: true;
}

/** The sets that come with the lab. `organism-24` is held out: nothing in the lab was tuned on it. */
export const QUESTION_SETS = {
	'organism-24': evaluationQuestions,
	'organism-dev': devQuestions,
} as const satisfies Record<string, () => Question[]>;
export type QuestionSetId = keyof typeof QUESTION_SETS;
