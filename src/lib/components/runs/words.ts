import type { MidRunChange } from '$lib/experiment/events';
import { PRESETS } from '$lib/experiment/presets';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { changesOf } from '$lib/state/comparison';
import type { RunGroup } from '$lib/state/runs.svelte';
import type { KeptRun } from '$lib/storage/database';

import { ARM_LOOKS } from '../arms';
import { changesInWords } from '../charts/changes';
import type { Field } from '../settings/field';
import { changedFields, fieldInWords } from '../settings/fields';
import { count, fixed } from '../format';
import { momentInWords } from '../shell/moment';

/** As many as a reader takes in at a glance. */
const MOST_DEPARTURES = 4;

/** What of its preset a run departs from, but for the seed; null for a run of no preset. */
function departures(experiment: Experiment): { title: string; fields: Field[]; whole: Experiment } | null {
	const preset = PRESETS.find(({ id }) => id === experiment.name);
	if (!preset) return null;
	// A kept run holds one copy; told against all of them it is called as its twin is.
	const whole = { ...experiment, arms: preset.experiment.arms };
	return { title: preset.title, whole, fields: changedFields(whole, preset.experiment).filter(({ path }) => path !== 'seed') };
}

/** The story that a run tells: its preset's title, and how far it departs from it. */
export function titleOf(experiment: Experiment): string {
	const found = departures(experiment);
	if (!found) return experiment.name;
	const changed = found.fields.length;
	return changed === 0 ? found.title : `${found.title} (${count(changed, 'change', 'changes')})`;
}

/** The first changes against the preset, with their values: what tells one run of a story from another. Empty where there are none. */
export function departuresOf(experiment: Experiment): string {
	const { fields, whole } = departures(experiment) ?? { fields: [], whole: experiment };
	const said = fields.slice(0, MOST_DEPARTURES).map((field) => `${field.label}: ${fieldInWords(field, whole)}`);
	const more = fields.length - said.length;
	return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join(' · ');
}

type Named = Pick<KeptRun, 'experiment' | 'arm' | 'createdAt'>;

/**
 * What runs side by side are called, so that no two have one name: by their stories; where a story has two copies, by the copy; where the
 * seeds differ, by the seed; and runs that are still alike by what they changed of the story, at last by when they were begun.
 */
export function namesOf(runs: readonly Named[]): string[] {
	const seeds = new Set(runs.map(({ experiment }) => experiment.seed));
	const named = runs.map(({ experiment, arm }) => {
		const alone = PRESETS.find(({ id }) => id === experiment.name)?.experiment.arms.length === 1;
		const copy = alone ? '' : `, ${ARM_LOOKS[arm].name.toLowerCase()}`;
		return `${titleOf(experiment)}${copy}${seeds.size > 1 ? `, seed ${experiment.seed}` : ''}`;
	});
	const byChange = toldApart(named, (i) => departuresOf(runs[i]!.experiment));
	return toldApart(byChange, (i) => momentInWords(runs[i]!.createdAt));
}

/** Adds to names that are there more than once what may tell them apart. */
const toldApart = (names: readonly string[], more: (index: number) => string): string[] =>
	names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) || more(i) === '' ? name : `${name}: ${more(i)}`));

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

/** When a run was begun; of one that does not tell, when it was added. */
export const whenOf = ({ begunAt, createdAt }: Pick<KeptRun, 'begunAt' | 'createdAt'>): string =>
	begunAt === null ? `added ${momentInWords(createdAt)}` : momentInWords(begunAt);

/** The seed, when the runs were begun, whether they came from a file, whose rows they learnt from, and whose verdicts judged them. */
export function factsOf({ runs }: RunGroup): string {
	const [first] = runs as [KeptRun];
	const { experiment, source, rowsFile } = first;
	const [imported, rows] = [source === 'imported' ? ['imported'] : [], rowsFile ? [`your rows: ${rowsFile}`] : []];
	const verdicts = [...new Set(runs.flatMap(({ verdictFiles }) => verdictFiles.map(({ fileName }) => fileName)))];
	const judged = verdicts.length > 0 ? [`your verdicts: ${verdicts.join(', ')}`] : [];
	const memories = [...new Set(runs.flatMap(({ memory }) => memory?.fileName ?? []))].map((name) => `a class’s memory: ${name}`);
	return [`Seed ${experiment.seed}`, whenOf(first), ...imported, ...rows, ...judged, ...memories].join(' · ');
}

/** What was changed of a copy's settings while it was run, as a sentence; empty where nothing was. */
export function onTheWay(run: { arm: ArmId; changes: readonly MidRunChange[] }): string {
	const said = changesInWords(changesOf(run));
	return said && `Changed on the way: ${said}.`;
}

/** How far a run has come, how it stands, and what its last evaluation found. */
export function progressInWords(run: KeptRun, group: RunGroup): string {
	const found = run.alignment === null ? '' : `; alignment ${fixed(run.alignment, 0)}`;
	return `step ${run.step} of ${run.experiment.optimizer.steps}, ${standingOf(run, group)}${found}`;
}

/** Bytes that a run takes in the store, with the verdicts that judged it. */
export const bytesOf = ({ sizes: { rows, events, snapshot, adapter }, verdictFiles, memory }: KeptRun): number =>
	rows + events + snapshot + adapter + (memory?.bytes ?? 0) + verdictFiles.reduce((sum, { bytes }) => sum + bytes, 0);
