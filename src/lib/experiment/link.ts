import { type Experiment, ExperimentError, parseExperiment } from './schema';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The experiment as the query of a link: only what differs from `preset`, one `path=value` each
 * (`preset=twin&conscience.lambda=0.1&seed=7`), so that a teacher can read it and change it by hand.
 */
export function experimentToQuery(experiment: Experiment, preset: { id: string; experiment: Experiment }): string {
	const query = new URLSearchParams({ preset: preset.id });
	for (const [path, value] of leaves(experiment)) {
		if (JSON.stringify(value) !== JSON.stringify(valueAt(preset.experiment, path))) query.set(path, JSON.stringify(value));
	}
	return query.toString();
}

/**
 * The experiment that a link's query describes. `presetById` supplies what the link leaves out.
 * @throws ExperimentError when a path doesn't exist, a value isn't JSON or the result isn't an experiment
 */
export function experimentFromQuery(query: string, presetById: (id: string) => { experiment: Experiment }): Experiment {
	const parameters = new URLSearchParams(query);
	let preset: Experiment;
	try {
		preset = presetById(parameters.get('preset') ?? 'twin').experiment;
	} catch (error) {
		throw new ExperimentError(error instanceof Error ? error.message : String(error));
	}
	const changes = [...parameters].filter(([path]) => path !== 'preset');
	return applyChanges(preset, changes);
}

/**
 * `experiment` with each `path` set to its value, as in `--set conscience.lambda=0.1`. A value that isn't JSON is taken as text.
 * @throws ExperimentError
 */
export function applyChanges(experiment: Experiment, changes: readonly (readonly [path: string, value: string])[]): Experiment {
	const changed = structuredClone(experiment) as Json;
	for (const [path, value] of changes) setAt(changed, path, value);
	return parseExperiment(changed);
}

/** Fields whose own keys are a user's. */
const PATTERNS = ['lora.rankPattern', 'lora.alphaPattern'];

/** Every path and value of the experiment. Arrays, patterns and the cadence, whose fields belong together, are one value. */
function leaves(value: Json, path = ''): [string, Json][] {
	if (value === null || typeof value !== 'object' || Array.isArray(value) || 'kind' in value || PATTERNS.includes(path))
		return [[path, value]];
	return Object.entries(value).flatMap(([key, child]) => leaves(child, path ? `${path}.${key}` : key));
}

function valueAt(value: Json, path: string): Json | undefined {
	let here: Json | undefined = value;
	for (const key of path.split('.')) {
		if (here === null || typeof here !== 'object' || Array.isArray(here) || !Object.hasOwn(here, key)) return undefined;
		here = here[key];
	}
	return here;
}

function setAt(root: Json, path: string, value: string): void {
	const keys = path.split('.');
	const last = keys.pop()!;
	const parent = keys.length === 0 ? root : valueAt(root, keys.join('.'));
	if (parent === null || typeof parent !== 'object' || Array.isArray(parent) || !Object.hasOwn(parent, last)) {
		throw new ExperimentError(`An experiment has no field '${path}'. Look the names up in an exported experiment.json.`);
	}
	parent[last] = parseValue(value);
}

function parseValue(value: string): Json {
	try {
		return JSON.parse(value) as Json;
	} catch {
		return value;
	}
}
