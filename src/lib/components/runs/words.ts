import { PRESETS } from '$lib/experiment/presets';
import type { Experiment } from '$lib/experiment/schema';
import type { RunGroup } from '$lib/state/runs.svelte';
import type { KeptRun } from '$lib/storage/database';

import { ARM_LOOKS } from '../arms';
import { changedFields } from '../settings/fields';
import { count, fixed, megabytes } from '../format';

/** The story that a run tells: its preset's title, and how far it departs from it. */
export function titleOf(experiment: Experiment): string {
	const preset = PRESETS.find(({ id }) => id === experiment.name);
	if (!preset) return experiment.name;
	// A kept run holds one copy; told against all of them it is called as its twin is.
	const whole = { ...experiment, arms: preset.experiment.arms };
	const changed = changedFields(whole, preset.experiment).filter(({ path }) => path !== 'seed').length;
	return changed === 0 ? preset.title : `${preset.title} (${count(changed, 'change', 'changes')})`;
}

/** One run in a line of text. */
export const runInWords = ({ experiment, arm }: Pick<KeptRun, 'experiment' | 'arm'>): string =>
	`${titleOf(experiment)}, ${ARM_LOOKS[arm].inWords}, seed ${experiment.seed}`;

/** How a run stands. One that was under way when its page was closed can be gone on with. */
export function standingOf({ status, source }: KeptRun, { held, elsewhere }: RunGroup): string {
	if (status === 'finished') return 'finished';
	if (status === 'cancelled') return source === 'imported' ? 'broken off' : 'cancelled';
	if (status === 'failed') return 'stopped by an error';
	if (elsewhere) return 'runs in another tab';
	return held ? 'on the lab page' : 'interrupted; the lab page offers to go on';
}

const DAY = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
export const whenInWords = (time: number): string => DAY.format(time);

/** A size as a person says it. */
export const sizeInWords = (bytes: number): string => (bytes < 1e9 ? megabytes(bytes) : `${fixed(bytes / 1e9, 1)} GB`);

export const bytesOf = ({ sizes: { rows, events, snapshot, adapter } }: KeptRun): number => rows + events + snapshot + adapter;
