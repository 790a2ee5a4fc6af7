import { changesBetween } from '$lib/experiment/live';
import type { Experiment } from '$lib/experiment/schema';
import { Part } from '$lib/part.svelte';

import type { Field } from './field';

/** The table of an experiment's fields, which comes with the settings, after the first paint. */
export const fields = new Part(() => import('./fields'));

/** The fields in which an experiment departs from its preset; null where some do, and the table that knows which is on its way. */
export function departures(experiment: Experiment, preset: Experiment): readonly Field[] | null {
	if (changesBetween(preset, experiment).length === 0) return [];
	return fields.here?.changedFields(experiment, preset) ?? null;
}

/** Departures as a sentence goes on, each by name: who counts them finds as many as were announced. “Seed: 9; Steps: 40” */
export const listed = (departed: readonly Field[], experiment: Experiment): string =>
	departed.map((field) => `${field.label}: ${fields.here?.fieldInWords(field, experiment)}`).join('; ');
