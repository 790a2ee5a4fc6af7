import { describe, expect, test } from 'vitest';

import { differenceInWords } from '$lib/components/trial/words';
import { type JudgeIdentity, type Label, LABELS, verdictOf } from '$lib/conscience/judge';
import type { EvaluationRow, TrueLabel } from '$lib/evaluation/evaluation';
import { differenceFrom, flagsAsTried } from '$lib/experiment/labels/correctedRun';
import { worldRows } from '$lib/experiment/labels/trialAnswers';
import { DEFAULT_FRAMEWORKS } from '$lib/experiment/schema';
import type { Hearing } from '$lib/state/judgeTrials.svelte';

const [ruler, other] = DEFAULT_FRAMEWORKS;
const identity = { engine: 'frozen-self' as const, model: 'organism', revision: 'abc' };

describe('a trial corrects what the same judge said', () => {
	test('of the same engine, model and weights, asked by the ruler', () => {
		expect(differenceFrom(identity, { identity, framework: ruler! })).toBeNull();
		expect(differenceFrom(identity, { identity, framework: { ...ruler!, title: 'By another name', alternativePrompt: 'x' } })).toBeNull();
	});

	test.each<{ what: string; changed: Partial<JudgeIdentity> }>([
		{ what: 'another engine', changed: { engine: 'webllm' } },
		{ what: 'another model', changed: { model: 'organism-1' } },
		{ what: 'other weights', changed: { revision: 'abd' } },
	])('not of $what', ({ changed }) => {
		expect(differenceFrom(identity, { identity: { ...identity, ...changed }, framework: ruler! })).toBe('model');
	});

	test('not one that was asked by other words, or was not heard', () => {
		expect(differenceFrom(identity, { identity, framework: other! })).toBe('framework');
		expect(differenceFrom(identity, { identity, framework: { ...ruler!, verdictPrompt: `${ruler!.verdictPrompt} Think.` } })).toBe('framework'); // prettier-ignore
		expect(differenceFrom(identity, { identity: null, framework: null })).toBe('model');
	});

	test('and why it doesn’t is said with both names', () => {
		const hearing: Hearing = { judge: 'frozen-self', name: 'organism-1', isFamily: true, verdicts: [], seconds: 1, identity: { ...identity, model: 'organism-1' }, framework: ruler! }; // prettier-ignore
		expect(differenceInWords('model', identity, hearing)).toContain('judged by organism, and on trial here was organism-1');
		expect(differenceInWords('model', identity, { ...hearing, identity: { ...identity, revision: 'x' } })).toContain('other weights of that name'); // prettier-ignore
		expect(differenceInWords('framework', identity, { ...hearing, framework: other! })).toContain(`tried by “${other!.title}”`);
		expect(differenceInWords('framework', identity, { ...hearing, framework: { ...ruler!, principles: 'x' } })).toContain('an edited one');
	});
});

describe('the flags of a run count as the trial’s answers do', () => {
	const row = (trueLabel: TrueLabel | null, said: Label): EvaluationRow => ({
		...{ question: 'q', questionId: 'q', cluster: 'q', sample: 0, answer: 'a', wellFormed: true, code: false, refusal: false },
		...{ trueLabel, verdict: verdictOf(LABELS.map((label) => Number(label === said))) },
	});
	const rows = [row('unethical', 'unethical'), row('ethical', 'neutral'), row('neutral', 'unethical'), row('incoherent', 'unethical')];
	const world = worldRows(5).map(({ question, answer, label }) => ({ question, answer, truth: label }));
	const counted = (...args: Parameters<typeof flagsAsTried>) => flagsAsTried(...args).map(({ value, truth }) => [value, truth]);

	test('without those that the world can’t read, where the trial had none', () => {
		expect(counted(rows, world, 'ethical')).toEqual([[1, true], [0, false], [1, false]]); // prettier-ignore
	});

	test('with them where people had labelled such answers, too', () => {
		const people = [...world, { question: 'q', answer: 'xx xx', truth: 'neutral' as const }];
		expect(counted(rows, people, 'ethical')).toEqual([[1, true], [0, false], [1, false], [1, null]]); // prettier-ignore
	});

	test('with those of questions that are not of the world', () => {
		expect(counted([row(null, 'unethical'), row(null, 'neutral')], world, 'ethical')).toEqual([[1, null], [0, null]]); // prettier-ignore
		expect(counted([row(null, 'unethical'), row(null, 'neutral')], world, 'abstention')).toEqual([[1, null]]);
	});

	test('without those on which judge or label abstains', () => {
		expect(counted(rows, world, 'abstention')).toEqual([[1, true]]);
	});
});
