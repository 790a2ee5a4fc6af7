import type { Experiment } from './schema';

/** One field that differs between two experiments: its path as in a link, and both values. */
export interface Change {
	path: string;
	from: unknown;
	to: unknown;
}

/** Fields that a run takes over while it goes on; every other needs a run from step 0: a memory is what was known when it began. */
const LIVE = [/^conscience\.(?!memory\.)/, /^optimizer\.learningRate$/];

/** What differs between two experiments, field by field; a list is one field. */
export function changesBetween(before: Experiment, after: Experiment): Change[] {
	const fields = (value: unknown, path: string): [string, unknown][] =>
		typeof value === 'object' && value !== null && !Array.isArray(value)
			? Object.entries(value).flatMap(([key, inner]) => fields(inner, path ? `${path}.${key}` : key))
			: [[path, value]];
	const [from, to] = [new Map(fields(before, '')), new Map(fields(after, ''))];
	const differs = (path: string) => JSON.stringify(from.get(path)) !== JSON.stringify(to.get(path));
	return [...new Set([...from.keys(), ...to.keys()])].filter(differs).map((path) => ({ path, from: from.get(path), to: to.get(path) }));
}

/** True for the same frozen weights in another place: WebLLM and the trainer say the same of an answer (the page Judges measures how nearly). */
export const isJudgesPlace = ({ path, from, to }: Change): boolean =>
	path === 'conscience.judge' && [from, to].every((judge) => judge === 'webllm' || judge === 'frozen-self');

const isLive = ({ path }: Change): boolean => LIVE.some((pattern) => pattern.test(path));

/** True when a run that goes on can take over all of these changes. */
export const areLive = (changes: readonly Change[]): boolean => changes.every(isLive);

/** The run was asked for something that it can't do now. */
export class RunStateError extends Error {
	override name = 'RunStateError';
}

/** @throws RunStateError that names the fields which a run can't take over while it goes on */
export function checkLive(changes: readonly Change[]): void {
	const fixed = changes.filter((change) => !isLive(change)).map(({ path, from, to }) => `${path} (${say(from)} → ${say(to)})`);
	if (fixed.length === 0) return;
	throw new RunStateError(
		`A run that goes on can't change ${fixed.join(', ')}: reset it to begin with that from step 0. The conscience (but for its memory) and optimizer.learningRate can change at any time.`,
	);
}

const say = (value: unknown) => JSON.stringify(value) ?? 'nothing';
