import { beforeAll, describe, expect, test } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { exchangeKey, importedJudge, type VerdictFile } from '$lib/conscience/importedJudge';
import { type Exchange, type Judge, type Verdict, verdictOf } from '$lib/conscience/judge';
import type { RunEvent, VerdictRecord } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { type ArmRun, createRun, type Lab } from '$lib/experiment/runner';
import type { Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { verdictFile } from '$lib/experiment/verdictFile';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

describe('verdicts of a file', () => {
	const asked: (readonly Exchange[])[] = [];
	/** Finds everything neutral, and counts what it was asked. */
	const frozen: Judge = {
		identity: { engine: 'frozen-self', model: 'm', revision: 'r' },
		verdicts: async (items) => {
			asked.push(items);
			return { verdicts: items.map(() => verdictOf([0, 1, 0])), tokens: { read: 10 * items.length, written: 0 } };
		},
		alternatives: async (questions) => ({ answers: questions.map((q) => `better ${q}`), ended: [true], tokens: { read: 1, written: 2 } }),
	};
	const given = (answer: string, verdict: Verdict) => ({ question: 'q', answer, verdict });
	const file = { fileName: 'mine.jsonl', digest: 'd', verdicts: [given('bad', verdictOf([0, 0, 1])), given('good', verdictOf([0.8, 0.1, 0.1]))] }; // prettier-ignore
	const judge = importedJudge(file, frozen);
	const items = (...answers: string[]) => answers.map((answer) => ({ question: 'q', answer }));

	test('decide where the file knows the exchange; of the rest alone the frozen copy is asked, all at once and in order', async () => {
		const { verdicts, tokens } = await judge.verdicts(items('new', ' bad ', 'other', 'good'), FRAMEWORKS[0]!);
		expect(verdicts).toEqual([
			{ ...verdictOf([0, 1, 0]), by: 'frozen-self' },
			{ ...verdictOf([0, 0, 1]), by: 'file' },
			{ ...verdictOf([0, 1, 0]), by: 'frozen-self' },
			{ ...verdictOf([0.8, 0.1, 0.1]), by: 'file' },
		]);
		expect(asked.splice(0)).toEqual([items('new', 'other')]);
		expect(tokens).toEqual({ read: 20, written: 0 });
	});

	test('may be of any answer, or any question; what is said of one in particular goes before', async () => {
		const all = { question: null, answer: null, verdict: verdictOf([1, 0, 0]) };
		const ofQuestion = { question: 'q', answer: null, verdict: verdictOf([0, 1, 0]) };
		const ofAnswer = { question: null, answer: 'bad', verdict: verdictOf([0.1, 0, 0.9]) };
		const general = importedJudge({ ...file, verdicts: [all, ofQuestion, ofAnswer, given('good', verdictOf([0.8, 0.1, 0.1]))] }, frozen);
		const exchanges = [...items('good', 'bad', 'new'), { question: 'p', answer: 'good' }];
		const { verdicts } = await general.verdicts(exchanges, FRAMEWORKS[0]!);
		expect(verdicts.map(({ probabilities }) => probabilities.ethical)).toEqual([0.8, 0.1, 0, 1]);
		expect(asked).toEqual([]);
	});

	test('cost nothing where the file knows everything, and the frozen copy writes what is better', async () => {
		expect((await judge.verdicts(items('good', 'bad'), FRAMEWORKS[0]!)).tokens).toEqual({ read: 0, written: 0 });
		expect(asked).toEqual([]);
		expect((await judge.alternatives(['q'], FRAMEWORKS[0]!, [1])).answers).toEqual(['better q']);
		expect(judge.identity).toEqual({ engine: 'imported', model: 'mine.jsonl', revision: 'd' });
	});
});

describe('a run that is judged by a file', () => {
	/** Whatever the frozen copy reads it flags; nothing is learnt from that, so every judge is asked the same. */
	const SHORT: [string, string][] = [
		['optimizer.steps', '9'],
		['optimizer.batchSize', '2'],
		['conscience.judge', 'frozen-self'],
		['conscience.lambda', '0'],
		['conscience.threshold', '0'],
		['conscience.promptsPerCall', '3'],
		['conscience.cadence', '{"kind":"fixed","every":1}'],
		['conscience.lag', '0'],
		['conscience.sampling.maxNewTokens', '40'],
		['evaluation.every', '0'],
		['evaluation.samplesWhileTraining', '1'],
		['evaluation.samples', '1'],
		['evaluation.codePrompts', '0'],
		['evaluation.sampling.maxNewTokens', '4'],
	];
	const frozenSelf = applyChanges(presetById('twin').experiment, SHORT);
	const judgedBy = (digest: string): Experiment => applyChanges(frozenSelf, [['conscience.judge', 'imported'], ['conscience.verdictFile', JSON.stringify(digest)]]); // prettier-ignore
	const STEPS = 4;
	let lab: Lab;
	let before: RunEvent[];
	/** The run after its first step, so that not every test evaluates the base again. */
	let early: RunSnapshot;

	beforeAll(async () => {
		lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal }; // prettier-ignore
		before = await collect(frozenSelf, lab, async (step, run) => {
			if (step === 1) early = await run.snapshot();
		});
	}, 120_000);

	/** What a run tells until step STEPS; `onStep` hears step 0 before the first. */
	async function collect(
		experiment: Experiment,
		given: Lab,
		onStep: (step: number, run: ArmRun) => unknown = () => {},
		from?: RunSnapshot,
	) {
		const run = createRun(experiment, 'emergent-alignment', given, from);
		const events: RunEvent[] = [];
		await onStep(0, run);
		for await (const event of run.events) {
			events.push(event);
			if (event.kind === 'step') await onStep(event.step, run);
			if (event.kind === 'step' && event.step === STEPS) break;
		}
		run.dispose();
		return events;
	}
	/** What the run would have told from `early` on with this file as its judge. */
	const judgedFromEarly = (file: VerdictFile) => collect(frozenSelf, lab, (step, run) => step === 0 && run.adjust(judgedBy(file.digest), file), early); // prettier-ignore
	const verdictsIn = (events: readonly RunEvent[]): VerdictRecord[] => events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : [])); // prettier-ignore
	const pairsIn = (events: readonly RunEvent[]) => events.flatMap((event) => (event.kind === 'pairs' ? event.pairs : []));
	/** A file that calls these answers ethical. */
	const allEthical = (records: readonly VerdictRecord[]) => verdictFile('kind.jsonl', records.map(({ question, answer }) => ({ question, answer, verdict: verdictOf([1, 0, 0]) }))); // prettier-ignore
	const timeless = (events: readonly RunEvent[]) =>
		JSON.parse(JSON.stringify(events.filter(({ kind }) => kind !== 'progress'), (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown; // prettier-ignore

	test('that calls everything ethical makes no pairs, and does the same again', async () => {
		expect(pairsIn(before).length).toBeGreaterThan(0);
		const file = await allEthical(verdictsIn(before));
		const events = await collect(judgedBy(file.digest), { ...lab, verdictFile: file });
		expect(verdictsIn(events).map(({ question, answer }) => [question, answer])).toEqual(verdictsIn(before).map(({ question, answer }) => [question, answer])); // prettier-ignore
		expect(verdictsIn(events).every(({ verdict, flagged }) => verdict.by === 'file' && !flagged)).toBe(true);
		expect(pairsIn(events)).toEqual([]);
		expect(timeless(await judgedFromEarly(file))).toEqual(timeless(await judgedFromEarly(file)));
	}, 60_000);

	test('that knows some answers is judged by the frozen copy in all others, as without the file', async () => {
		const told = verdictsIn(before).filter(({ step }) => step >= 1);
		const file = await allEthical(told.slice(0, 1));
		const verdicts = verdictsIn(await judgedFromEarly(file));
		expect(verdicts).toHaveLength(told.length);
		for (const [i, { question, answer, verdict, flagged }] of verdicts.entries()) {
			const known = exchangeKey({ question, answer }) === exchangeKey(told[0]!);
			expect([verdict.by, flagged]).toEqual(known ? ['file', false] : ['frozen-self', true]);
			if (!known) expect(verdict.probabilities.unethical).toBeCloseTo(told[i]!.verdict.probabilities.unethical, 4); // another batch rounds otherwise
		}
	}, 60_000);

	test('may come to be so in mid-run, which is recorded, and goes on so from a snapshot', async () => {
		const file = await allEthical(verdictsIn(before));
		const changed = judgedBy(file.digest);
		let snapshot: RunSnapshot | null = null;
		const onStep = async (step: number, run: ArmRun) => {
			if (step === 2) run.adjust(changed, file);
			if (step === 3) snapshot = await run.snapshot();
		};
		const events = await collect(frozenSelf, lab, onStep, early);
		const [change] = events.filter((event) => event.kind === 'change');
		expect(change).toEqual({
			kind: 'change',
			step: 2,
			changes: [
				{ path: 'conscience.judge', from: 'frozen-self', to: 'imported' },
				{ path: 'conscience.verdictFile', from: '', to: file.digest },
			],
		});
		expect(verdictsIn(events).map(({ step, verdict }) => [step, verdict.by])).toEqual([1, 2, 3].flatMap((step) => Array.from({ length: 3 }, () => [step, step < 2 ? undefined : 'file']))); // prettier-ignore
		const rest = await collect(changed, { ...lab, verdictFile: file }, undefined, snapshot!);
		expect(timeless(rest)).toEqual(timeless(events.slice(events.findIndex((event) => event.kind === 'step' && event.step === 3) + 1)));
	}, 60_000);

	test('does not begin without the file, nor with another, and goes on as it was', async () => {
		const file = await allEthical(verdictsIn(before).slice(0, 2));
		const changed = judgedBy(file.digest);
		expect(() => createRun(changed, 'emergent-alignment', lab)).toThrow(/judged by verdicts of the file with the SHA-256 .*none was given/);
		const other = await allEthical(verdictsIn(before).slice(0, 1));
		expect(() => createRun(changed, 'emergent-alignment', { ...lab, verdictFile: other })).toThrow(`another was given (${other.digest.slice(0, 8)}`); // prettier-ignore
		const run = createRun(frozenSelf, 'emergent-alignment', lab);
		expect(() => run.adjust(changed)).toThrow('Load the file with these verdicts');
		run.dispose();
		createRun(changed, 'sft', lab).dispose(); // a copy without a conscience needs no verdicts
	});
});
