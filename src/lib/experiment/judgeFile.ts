import type { VerdictFile } from '$lib/conscience/importedJudge';

import { experimentOf, listens } from './methods/index';
import type { Experiment } from './schema';

/** True where a file of verdicts is the judge of any copy. */
export const wantsVerdicts = (experiment: Experiment): boolean => judges(experiment).includes('imported');

/** Who is the judge of a copy with a conscience; as a rule of all of them. */
export const judges = (experiment: Experiment): Experiment['conscience']['judge'][] =>
	experiment.arms.filter(listens).map((arm) => experimentOf(arm, experiment).conscience.judge);

/** The file that the experiment judges by; null where it has another judge, or the file is not among these. */
export const verdictFileOf = (experiment: Experiment, files: readonly VerdictFile[]): VerdictFile | null =>
	(wantsVerdicts(experiment) && files.find(({ digest }) => digest === experiment.conscience.verdictFile)) || null;
