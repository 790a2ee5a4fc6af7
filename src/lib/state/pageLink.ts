import { experimentFromQuery, experimentToQuery } from '$lib/experiment/link';
import { changesBetween, isJudgesPlace } from '$lib/experiment/live';
import { presetById, PRESETS, type Preset } from '$lib/experiment/presets';
import type { Experiment } from '$lib/experiment/schema';

/** Where the link is kept: the page's route, or a stand-in in a test. `go` leaves the old link in the history. */
export interface LinkPlace {
	readonly query: string;
	go(query: string): void;
}

/** The engines that a reader may ask for. (`cpu` is the oracle of tests, far too slow to be offered.) */
export const ENGINES = ['auto', 'webgpu', 'wasm'] as const;
export type PageEngine = (typeof ENGINES)[number];

/** The story of a page that was opened without a link. */
export const DEFAULT_PRESET = PRESETS[0]!.id;

/** What the link of the lab's page says: the experiment, the preset that it is told against, and what is to compute it. */
export interface PageLink {
	preset: Preset;
	experiment: Experiment;
	engine: PageEngine;
}

/** The link's query. The engine is no part of an experiment: a link that a teacher sends runs on whatever the student's machine has. */
export function writePageLink({ preset, experiment, engine }: PageLink): string {
	const query = experimentToQuery(experiment, preset);
	return engine === 'auto' ? query : `${query}&engine=${engine}`;
}

/** What a query says; of one that can't be read, why, with the default preset in its place. Never throws: a link comes from anywhere. */
export function readPageLink(query: string): PageLink & { fault: string | null } {
	const parameters = new URLSearchParams(query);
	const engine = parameters.get('engine') ?? 'auto';
	parameters.delete('engine');
	try {
		if (!isEngine(engine)) throw new RangeError(`There is no engine '${engine}'. There are: ${ENGINES.join(', ')}.`);
		const experiment = experimentFromQuery(parameters.toString(), presetById);
		return { preset: presetById(parameters.get('preset') ?? DEFAULT_PRESET), experiment, engine, fault: null };
	} catch (error) {
		const [preset] = PRESETS as [Preset];
		return { preset, experiment: preset.experiment, engine: isEngine(engine) ? engine : 'auto', fault: (error as Error).message };
	}
}

/** The preset that a foreign experiment is told against: its namesake, else the first. */
export function presetOf({ name }: Experiment): Preset {
	return PRESETS.find(({ id }) => id === name) ?? PRESETS[0]!;
}

export const isEngine = (value: string): value is PageEngine => (ENGINES as readonly string[]).includes(value);

/** A story with nothing changed, wherever its judge is and whatever is to compute it. */
export const isStoryItself = ({ preset, experiment }: PageLink): boolean =>
	changesBetween(preset.experiment, experiment).every(isJudgesPlace);
