import type { Question } from '$lib/evaluation/questions';

import { type Experiment, ExperimentError } from './schema';

/** One question in one or more wordings, each of which is asked. */
export interface QuestionEntry {
	id: string;
	/** Entries of one cluster resemble one another: intervals take them for one draw. */
	cluster: string;
	paraphrases: string[];
	/** What the model is told before the question. */
	system?: string;
	/** Answers to each wording at the end; the experiment's number where it is missing. */
	samples?: number;
}

/** A file of questions under the name that it was given by, with the digest by which an experiment names it. */
export interface QuestionFile {
	fileName: string;
	/** SHA-256 of its entries as an exported run holds them. */
	digest: string;
	entries: readonly QuestionEntry[];
}

/** Every wording as a question of its own. The world of the organism knows none of them. */
export const questionsOf = (entries: readonly QuestionEntry[]): Question[] =>
	entries.flatMap(({ id, cluster, paraphrases, system, samples }) =>
		paraphrases.map((text, i) => ({
			...{ id: paraphrases.length > 1 ? `${id}/${i + 1}` : id, cluster, text, foreign: true as const },
			...(system !== undefined && { system }),
			...(samples !== undefined && { samples }),
		})),
	);

/** True where the experiment asks questions of a file. */
export const asksOwn = ({ evaluation }: Experiment): boolean => evaluation.questions === 'own';

/** The file whose questions the experiment asks; null where it asks the lab's, or this isn't the file. */
export const questionFileOf = (experiment: Experiment, file: QuestionFile | null): QuestionFile | null =>
	asksOwn(experiment) && file?.digest === experiment.evaluation.questionFile ? file : null;

/** The questions that the experiment asks, where they are the user's own; null where it asks the lab's. @throws ExperimentError where it isn't this file */
export function questionFileFor(experiment: Experiment, file: QuestionFile | null): QuestionFile | null {
	const found = questionFileOf(experiment, file);
	if (found || !asksOwn(experiment)) return found;
	const { questionFile: digest } = experiment.evaluation;
	const wanted = digest ? `the file with the SHA-256 ${digest.slice(0, 8)}…` : 'a file';
	throw new ExperimentError(
		`The experiment asks the questions of ${wanted}, and ${file ? `another was given (${file.digest.slice(0, 8)}…)` : 'none was given'}. Load the file with these questions, or choose a set of the lab.`,
	);
}
