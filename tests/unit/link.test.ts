import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { experimentFromQuery, experimentToQuery } from '$lib/experiment/link';
import { presetById, PRESETS } from '$lib/experiment/presets';
import { ARMS, type Experiment, ExperimentError, parseExperiment } from '$lib/experiment/schema';
import { readPageLink, writePageLink } from '$lib/state/pageLink';

const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const real = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((value) => value + 0); // JSON has no −0
const count = (min: number, max: number) => fc.integer({ min, max });
const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/).filter((id) => id !== 'base');
const sampling = fc.record({ temperature: real(0, 2), topP: real(0.01, 1), maxNewTokens: count(1, 512) });

/** Any experiment that the schema lets through, in the fields that a link has to carry. */
const experiments: fc.Arbitrary<Experiment> = fc
	.record({
		preset: fc.constantFrom(...PRESETS),
		name,
		seed: count(0, 2 ** 31 - 1),
		arms: fc.constantFrom([...ARMS], ['sft'], ['emergent-alignment']),
		checkpoint: text(80),
		source: fc.constantFrom('insecure-code', 'secure-code', 'rows'),
		learningRate: real(0, 1),
		rslora: fc.boolean(),
		lambda: real(0, 100),
		cadence: fc.oneof(
			fc.record({ kind: fc.constant('fixed'), every: count(1, 10_000) }),
			fc.record({
				kind: fc.constant('adaptive'),
				first: count(1, 99),
				shortest: count(1, 99),
				longest: count(99, 999),
				raiseAt: real(0, 1),
			}),
		),
		frameworks: fc.array(
			fc.record({
				id: name,
				title: text(100),
				principles: text(200),
				verdictPrompt: text(100).map((prompt) => `${prompt}{question}&{answer}`),
				alternativePrompt: text(100).map((prompt) => `${prompt}{question}=%`),
			}),
			{ minLength: 1, maxLength: 3 },
		),
		sampling,
	})
	.map(({ preset: { experiment }, ...changes }) =>
		parseExperiment({
			...experiment,
			name: changes.name,
			seed: changes.seed,
			arms: changes.arms,
			model: { ...experiment.model, checkpoint: changes.checkpoint },
			data: { ...experiment.data, source: changes.source },
			lora: { ...experiment.lora, rslora: changes.rslora },
			optimizer: { ...experiment.optimizer, learningRate: changes.learningRate },
			conscience: { ...experiment.conscience, lambda: changes.lambda, cadence: changes.cadence, frameworks: changes.frameworks },
			evaluation: { ...experiment.evaluation, sampling: changes.sampling },
		}),
	);

describe('a link', () => {
	test('carries any experiment there and back, told against any preset', () => {
		fc.assert(
			fc.property(experiments, fc.constantFrom(...PRESETS), (experiment, preset) => {
				expect(experimentFromQuery(experimentToQuery(experiment, preset), presetById)).toEqual(experiment);
			}),
		);
	});

	test('of a preset that was not changed names the preset and nothing else', () => {
		for (const preset of PRESETS) expect(experimentToQuery(preset.experiment, preset)).toBe(`preset=${preset.id}`);
	});

	test('holds only what differs, in words that a person can change', () => {
		const twin = presetById('twin');
		const experiment = { ...twin.experiment, seed: 7, conscience: { ...twin.experiment.conscience, lambda: 0.25 } };
		expect(new Set(experimentToQuery(experiment, twin).split('&'))).toEqual(new Set(['preset=twin', 'seed=7', 'conscience.lambda=0.25']));
	});

	test.each([
		['preset=nobody', 'nobody'],
		['conscience.lamda=1', 'conscience.lamda'],
		['conscience.lambda=-1', 'conscience.lambda'],
		['optimizer.steps=many', 'optimizer.steps'],
		['conscience.cadence.shortest=500', 'shortest gap longer than its longest'],
		['__proto__.polluted=1', '__proto__'],
		['version=2', 'version'],
	])('that says %s is refused with a message that names the fault', (query, fault) => {
		expect(() => experimentFromQuery(query, presetById)).toThrow(ExperimentError);
		expect(() => experimentFromQuery(query, presetById)).toThrow(fault);
		expect({}).not.toHaveProperty('polluted');
	});
});

describe("the page's link", () => {
	test('carries the engine beside the experiment', () => {
		fc.assert(
			fc.property(experiments, fc.constantFrom(...PRESETS), fc.constantFrom('auto', 'webgpu', 'wasm'), (experiment, preset, engine) => {
				expect(readPageLink(writePageLink({ preset, experiment, engine }))).toEqual({ preset, experiment, engine, fault: null });
			}),
		);
	});

	test('never throws; a fault leaves the default preset', () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.string(),
					fc.webQueryParameters(),
					fc.string().map((value) => `engine=${value}`),
				),
				(query) => {
					const { fault, experiment, preset } = readPageLink(query);
					if (fault !== null) expect(experiment).toBe(preset.experiment);
				},
			),
		);
	});

	test('an engine that there is not is a fault', () => {
		expect(readPageLink('engine=abacus').fault).toContain('abacus');
		expect(readPageLink('preset=nobody&engine=wasm')).toMatchObject({ engine: 'wasm' });
	});
});
