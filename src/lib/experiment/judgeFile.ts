import type { VerdictFile } from '$lib/conscience/importedJudge';

import { listens } from './methods/index';
import type { Experiment } from './schema';

/** True where a file of verdicts is the judge of any copy. */
export const wantsVerdicts = ({ arms, conscience }: Experiment): boolean => conscience.judge === 'imported' && arms.some(listens);

/** The file that the experiment judges by; null where it has another judge, or the file is not among these. */
export const verdictFileOf = (experiment: Experiment, files: readonly VerdictFile[]): VerdictFile | null =>
	(wantsVerdicts(experiment) && files.find(({ digest }) => digest === experiment.conscience.verdictFile)) || null;
