import { describe, expect, test } from 'vitest';

import { type Exchange, JudgeError, verdictOf } from '$lib/conscience/judge';
import { differenceFrom } from '$lib/experiment/labels/correctedRun';
import { worldRows } from '$lib/experiment/labels/trialAnswers';
import { DEFAULT_FRAMEWORKS } from '$lib/experiment/schema';
import { JudgeTrials } from '$lib/state/judgeTrials.svelte';
import type { Lab } from '$lib/state/lab.svelte';

const answers = (count: number) =>
	Array.from({ length: count }, (_, i) => ({ question: `q${i}`, answer: `a${i}`, truth: 'ethical' as const }));
const world = worldRows(60).map(({ question, answer, label }) => ({ question, answer, truth: label }));

const [ruler, other] = DEFAULT_FRAMEWORKS;
const frozen = { engine: 'frozen-self' as const, model: 'organism', revision: 'abc' };

/** As much of the lab as a trial asks for: the frozen copy judges by `judge`, and WebLLM can't be loaded. */
function labWith(
	judge: (answers: readonly Exchange[]) => Promise<void> | void = () => {},
	opens = true,
	by = () => ({ judge: frozen, framework: ruler! }),
) {
	const run = {
		problem: null,
		open: async () => opens,
		async selfJudged(given: readonly Exchange[]) {
			await judge(given);
			return { verdicts: given.map(() => verdictOf([0.8, 0.1, 0.1])), ...by() };
		},
	};
	const judging = { ask: async () => null, cancel: async () => {}, fault: { name: 'JudgeError', message: 'no WebGPU' } };
	const settings = { experiment: { model: { checkpoint: 'organism' }, conscience: { judgeModel: 'base', frameworks: [{}] } }, verdictFile: null }; // prettier-ignore
	const verdicts = [{ question: null, answer: 'a1', verdict: verdictOf([0, 0, 1]) }];
	const files = { verdictFiles: [{ fileName: 'mine.jsonl', digest: '', verdicts }] };
	return { runs: [run], hindrance: null, settings, judging, files } as unknown as Lab;
}

test('all judges read the same answers, one after the other', async () => {
	const asked: number[] = [];
	const trials = new JudgeTrials(labWith((given) => void asked.push(given.length)));
	await trials.begin('the world', answers(50), 45, ['imported', 'frozen-self']);
	expect(asked).toEqual([20, 20, 5]);
	expect(trials.hearings.map(({ judge, name, isFamily }) => [judge, name, isFamily])).toEqual([
		['frozen-self', 'organism', true],
		['imported', 'mine.jsonl', false],
	]);
	expect(trials.hearings[0]!.verdicts).toHaveLength(45);
	const known = trials.answers.findIndex(({ answer }) => answer === 'a1');
	trials.hearings[1]!.verdicts.forEach((verdict, i) => expect(verdict?.label ?? null).toBe(i === known ? 'unethical' : null));
	expect(trials.progress).toBeNull();
});

test('the world’s grammar knows its own answers, and nothing of others', async () => {
	const trials = new JudgeTrials(labWith());
	await trials.begin('the world', world, 60, ['oracle']);
	trials.hearings[0]!.verdicts.forEach((verdict, i) => expect(verdict!.label).toBe(trials.answers[i]!.truth));
	await trials.begin('the world', answers(3), 3, ['oracle']);
	expect(trials.hearings[0]!.verdicts).toEqual([null, null, null]);
});

test('an answer that is too long for the judge is passed over; the others of its batch are read', async () => {
	const judge = (given: readonly Exchange[]) => {
		if (given.some(({ answer }) => answer === 'a7')) throw new JudgeError('too long');
	};
	const trials = new JudgeTrials(labWith(judge));
	await trials.begin('the world', answers(25), 25, ['frozen-self']);
	const silent = trials.answers.filter((_, i) => trials.hearings[0]!.verdicts[i] === null);
	expect(silent.map(({ answer }) => answer)).toEqual(['a7']);
	expect(trials.fault).toBeNull();
});

describe('a hearing', () => {
	test('knows which model was heard, and by which framework: a run that was judged otherwise isn’t corrected by it', async () => {
		const trials = new JudgeTrials(labWith(() => {}, true, () => ({ judge: { ...frozen, model: 'organism-1' }, framework: ruler! }))); // prettier-ignore
		await trials.begin('the world', answers(3), 3, ['frozen-self', 'imported']);
		const [heard, file] = trials.hearings;
		expect(heard).toMatchObject({ name: 'organism-1', identity: { ...frozen, model: 'organism-1' }, framework: ruler });
		expect(file).toMatchObject({ identity: { engine: 'imported', model: 'mine.jsonl', revision: '' }, framework: null });
		expect(differenceFrom({ ...frozen, model: 'organism-1' }, heard!)).toBeNull();
		expect(differenceFrom(frozen, heard!)).toBe('model');
	});

	test('of a copy that is opened anew meanwhile is none', async () => {
		let reads = 0;
		const trials = new JudgeTrials(
			labWith(
				() => {},
				true,
				() => ({ judge: frozen, framework: reads++ === 0 ? ruler! : other! }),
			),
		);
		await trials.begin('the world', answers(25), 25, ['frozen-self']);
		expect(trials.fault).toContain('opened anew');
		expect(trials.hearings).toEqual([]);
	});
});

describe('what comes to nothing', () => {
	test('is told; a judge that fails keeps no other out', async () => {
		const trials = new JudgeTrials(labWith());
		await trials.begin('the world', answers(3), 3, ['frozen-self', 'webllm', 'oracle']);
		expect(trials.fault).toBe('no WebGPU');
		expect(trials.hearings.map(({ judge }) => judge)).toEqual(['frozen-self', 'oracle']);
	});

	test('a copy that can’t be opened is no judge', async () => {
		const trials = new JudgeTrials(labWith(() => {}, false));
		await trials.begin('the world', answers(3), 3, ['frozen-self']);
		expect(trials.fault).toContain('reset it there');
	});

	test('a trial that the reader stops is no fault, and another can begin', async () => {
		const trials: JudgeTrials = new JudgeTrials(labWith(() => trials.cancel()));
		await trials.begin('the world', answers(50), 50, ['frozen-self', 'oracle']);
		expect([trials.fault, trials.progress, trials.hearings]).toEqual([null, null, []]);
		await trials.begin('the world', world, 10, ['oracle']);
		expect(trials.hearings).toHaveLength(1);
	});
});
