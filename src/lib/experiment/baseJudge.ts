import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { Checkpoint } from '$lib/model/checkpoint';

import type { Experiment } from './schema';

/** The frozen base as a judge: the adapter switched off, and alternatives sampled as the experiment says. */
export const baseJudge = ({ model, conscience }: Pick<Experiment, 'model' | 'conscience'>, checkpoint: Checkpoint) =>
	frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);
