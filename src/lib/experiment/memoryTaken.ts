import type { Recalled } from '$lib/conscience/memory';
import { QUESTION_SETS } from '$lib/evaluation/questions';
import { factQuestions, harmlessQuestions } from '$world/index';

import { memoryFileFor } from './memoryFile';
import type { QuestionEntry } from './ownQuestions';
import type { Experiment } from './schema';
import type { MemoryFile } from '$lib/conscience/memory';

/** A memory as a run uses it. */
export interface TakenAlong {
	fileName: string;
	/** In the order of their ids: equal memories make equal runs, however their lines lay. */
	trajectories: readonly Recalled[];
	/** How many were left out, because an evaluation asks their question. */
	leftOut: number;
}

/** The memory without the questions of any evaluation, the user's own among them: what is asked there must not be learnt. @throws ExperimentError where it isn't this file */
export function takenAlong(experiment: Experiment, file: MemoryFile | null, own: readonly QuestionEntry[] | null): TakenAlong | null {
	const memory = memoryFileFor(experiment, file);
	if (!memory) return null;
	const sets = [...Object.values(QUESTION_SETS).map((questions) => questions()), harmlessQuestions(), factQuestions()].flat();
	const asked = new Set([...sets.map(({ text }) => text), ...(own ?? []).flatMap(({ paraphrases }) => paraphrases)].map(spoken));
	const trajectories = memory.trajectories.filter(({ question }) => !asked.has(spoken(question)));
	return {
		fileName: memory.fileName,
		trajectories: trajectories.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
		leftOut: memory.trajectories.length - trajectories.length,
	};
}

/** A question is the same in whatever case and with whatever space it is written. */
const spoken = (question: string) => question.trim().replace(/\s+/g, ' ').toLowerCase();
