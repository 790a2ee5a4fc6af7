import type { Phase } from '$lib/experiment/events';
import { listens } from '$lib/experiment/methods/index';
import type { Run } from '$lib/state/run.svelte';

import { megabytes } from './format';

const PHASES: Record<Phase, string> = {
	loading: 'loading the model',
	misaligning: 'being misaligned before the run begins',
	training: 'learning the code',
	conscience: 'what it learns beside the code is gathered',
	evaluating: 'answering the questions',
};

/** What a run is doing now, in words. */
export function standing({ arm, status, working, pausing, record, download }: Run): string {
	if (working === 'open') return download ? `loading the model, ${megabytes(download.loadedBytes)}` : 'starting the engine';
	if (working && pausing) return 'pausing';
	const { progress } = record;
	if (working && progress?.phase === 'conscience' && listens(arm)) return 'the conscience reads what it answers';
	if (working) return progress ? `${PHASES[progress.phase]}${inPhase(progress)}` : 'beginning';
	if (status === 'new') return 'not loaded yet';
	if (status === 'paused') return record.step > 0 ? 'paused' : 'ready';
	return { finished: 'finished', cancelled: 'cancelled', failed: 'stopped by an error' }[status];
}

const inPhase = ({ phase, done, total }: { phase: Phase; done: number; total: number }) =>
	phase === 'misaligning' ? `, ${done} of ${total}` : '';
