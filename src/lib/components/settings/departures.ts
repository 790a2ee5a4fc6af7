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

/** Departures as a sentence goes on, the first four by name: “Seed: 9; Steps: 40; and 2 more”. */
export function listed(departed: readonly Field[], experiment: Experiment): string {
	const named = departed.slice(0, 4).map((field) => `${field.label}: ${fields.here?.fieldInWords(field, experiment)}`);
	return [...named, ...(departed.length > 4 ? [`and ${departed.length - 4} more`] : [])].join('; ');
}
