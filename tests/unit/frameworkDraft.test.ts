import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { standingOf } from '$lib/components/settings/field';
import { faultsOf, MOST_FRAMEWORKS, newFramework, PARTS, unreadPrinciples } from '$lib/components/settings/frameworkDraft';
import { LABELS } from '$lib/conscience/judge';
import { LONG_FRAMEWORKS } from '$lib/conscience/longFrameworks';
import { presetById } from '$lib/experiment/presets';
import { DEFAULT_FRAMEWORKS, ExperimentError, parseExperiment } from '$lib/experiment/schema';

const twin = presetById('twin').experiment;
const [first] = DEFAULT_FRAMEWORKS as [(typeof DEFAULT_FRAMEWORKS)[number]];
const withFrameworks = (frameworks: unknown[]) => ({ ...twin, conscience: { ...twin.conscience, frameworks } });

describe('the three frameworks in longer words', () => {
	test('are frameworks of the lab that an experiment takes, under names of their own, and the labels are asked for as the judge reads them', () => {
		expect(parseExperiment(withFrameworks([...LONG_FRAMEWORKS]))).toBeDefined();
		expect(new Set([...DEFAULT_FRAMEWORKS, ...LONG_FRAMEWORKS].map(({ id }) => id)).size).toBe(6);
		for (const framework of LONG_FRAMEWORKS) {
			expect([faultsOf(framework), unreadPrinciples(framework), standingOf(framework)]).toEqual([{}, null, 'original']);
			for (const label of LABELS) expect(framework.verdictPrompt).toContain(`"${label}"`);
		}
		expect(standingOf({ ...LONG_FRAMEWORKS[0]!, principles: 'be kind' })).toBe('edited');
	});
});

describe('a framework that is being written', () => {
	test.each([
		['verdictPrompt', 'Is {question} good?', '{answer} is missing'],
		['verdictPrompt', 'Good?', '{question} and {answer}'],
		['alternativePrompt', 'Write.', '{question}'],
		['title', ' ', 'empty'],
		['principles', '', 'empty'],
	] as const)('has a fault in its %s: “%s”', (part, text, fault) => {
		expect(faultsOf({ ...first, [part]: text })[part]).toContain(fault);
	});

	test('is as long as the schema lets it be, and not longer', () => {
		for (const { part, most, holds } of PARTS) {
			const longest = { ...first, [part]: holds.join('').padEnd(most, 'x') };
			expect(faultsOf(longest)).toEqual({});
			expect(parseExperiment(withFrameworks([longest]))).toBeDefined();
			const longer = { ...first, [part]: `${longest[part]}x` };
			expect(faultsOf(longer)[part]).toContain(`at most ${most}`);
			expect(() => parseExperiment(withFrameworks([longer]))).toThrow(ExperimentError);
		}
	});

	test('without faults is always one that an experiment takes', () => {
		const text = fc.oneof(fc.string(), fc.constantFrom('{question} {answer}', '{question}', '{principles}', ''));
		fc.assert(
			fc.property(fc.record({ title: text, principles: text, verdictPrompt: text, alternativePrompt: text }), (parts) => {
				const draft = { ...first, ...parts };
				if (Object.keys(faultsOf(draft)).length === 0) expect(parseExperiment(withFrameworks([draft]))).toBeDefined();
			}),
		);
	});

	test('is told that principles which no prompt takes in are not read', () => {
		expect(unreadPrinciples(first)).toBeNull();
		expect(unreadPrinciples({ ...first, verdictPrompt: '{question} {answer}' })).toContain('for the verdict');
	});
});

test('a new framework has an id of its own, and counts as the reader’s', () => {
	const one = newFramework(DEFAULT_FRAMEWORKS, first);
	const two = newFramework([...DEFAULT_FRAMEWORKS, one], first);
	expect(new Set([...DEFAULT_FRAMEWORKS, one, two].map(({ id }) => id)).size).toBe(DEFAULT_FRAMEWORKS.length + 2);
	expect([first, { ...first, title: 'Other' }, one].map(standingOf)).toEqual(['original', 'edited', 'own']);
});

test('an experiment holds as many frameworks as the editor lets be added', () => {
	const many = (count: number) => withFrameworks(Array.from({ length: count }, () => first));
	expect(parseExperiment(many(MOST_FRAMEWORKS))).toBeDefined();
	expect(() => parseExperiment(many(MOST_FRAMEWORKS + 1))).toThrow(ExperimentError);
});
