import type { MemoryFile } from '$lib/conscience/memory';

import { listens } from './methods/index';
import type { Experiment } from './schema';

/** True where a copy that listens to a conscience takes a memory along. */
export const wantsMemory = ({ arms, conscience }: Pick<Experiment, 'arms' | 'conscience'>): boolean =>
	conscience.memory.file !== '' && arms.some(listens);

/** The memory that the experiment takes along; null where it takes none, or this isn't it. */
export const memoryFileOf = (experiment: Experiment, file: MemoryFile | null): MemoryFile | null =>
	wantsMemory(experiment) && file?.digest === experiment.conscience.memory.file ? file : null;
