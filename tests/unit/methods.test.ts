import { beforeAll, describe, expect, test } from 'vitest';

import type { ReferencedPair } from '$lib/dpo/pairs';
import { isTurned } from '$lib/experiment/arms/call';
import type { Overhead, RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { METHODS } from '$lib/experiment/methods/all';
import { ARMS, COPIES } from '$lib/experiment/methods/index';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { type ArmId, type Experiment, ExperimentError } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';
import { readSafetensors } from '$lib/model/safetensors';
import { consciencePrompts, devQuestions, evaluationQuestions } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const SHORT: [string, string][] = [
	['optimizer.steps', '6'],
	['optimizer.batchSize', '4'],
	['conscience.promptsPerCall', '6'],
	['conscience.cadence', '{"kind":"fixed","every":2}'],
	['conscience.threshold', '0'], // every answer is flagged, so that there are pairs from the first call on
	['conscience.lag', '0'],
	['conscience.dpoEvery', '1'],
	['conscience.dpoRestBelow', '0'],
	['evaluation.every', '0'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '2'],
	['evaluation.stopEvery', '2'],
	['evaluation.sampling.maxNewTokens', '16'],
];
const short = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...SHORT, ...changes]);

let lab: Lab;
beforeAll(async () => {
	lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

/** What a run told, and what it carried after each of its steps. */
interface Told {
	events: RunEvent[];
	snapshots: RunSnapshot[];
}

const told = new Map<string, Promise<Told>>();
/** A run to its end; of the same experiment and method once. */
function run(experiment: Experiment, arm: ArmId): Promise<Told> {
	const key = JSON.stringify([experiment, arm]);
	if (!told.has(key)) told.set(key, collect(experiment, arm));
	return told.get(key)!;
}

async function collect(experiment: Experiment, arm: ArmId): Promise<Told> {
	const running = createRun(experiment, arm, lab);
	const [events, snapshots]: [RunEvent[], RunSnapshot[]] = [[], []];
	try {
		for await (const event of running.events) {
			events.push(event);
			if (event.kind === 'step') snapshots.push(structuredClone(await running.snapshot()));
		}
	} finally {
		running.dispose();
	}
	return { events, snapshots };
}

const of = <K extends RunEvent['kind']>({ events }: Told, kind: K) => events.filter((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind); // prettier-ignore
const losses = (one: Told) => of(one, 'step').map(({ metrics }) => metrics['loss/sft']);
const verdictsOf = (one: Told) => of(one, 'verdicts').flatMap(({ verdicts }) => verdicts);
const pairsOf = (one: Told) => of(one, 'pairs').flatMap(({ pairs }) => pairs);
const overheadOf = (one: Told): Overhead => of(one, 'finished')[0]!.overhead;

/** What must be equal: everything but the clock and the method's name. */
const timeless = ({ events }: Told) =>
	JSON.parse(
		JSON.stringify(events.filter(({ kind }) => kind !== 'progress'), (key, value: unknown) => (/seconds|secondRatio|^arm$/i.test(key) ? undefined : value)), // prettier-ignore
	) as unknown;

describe('every method', () => {
	test('is told of on the page by the id under which it is followed, with what it works beside its steps', () => {
		expect(Object.keys(METHODS).toSorted()).toEqual(ARMS.toSorted());
		for (const arm of ARMS) {
			const { teach, gathering, watch } = METHODS[arm];
			expect([arm, COPIES[arm].works]).toEqual([arm, teach ? 'conscience' : (gathering ?? watch) ? 'apart' : null]);
		}
	});

	test.each(ARMS)('%s sees as many tokens of the narrow task as the plain copy, or says why not', async (arm) => {
		const [plain, other] = [await run(short(), 'sft'), await run(short(), arm)];
		if (METHODS[arm].otherTokens === undefined) expect(overheadOf(other).sftTokens).toBe(overheadOf(plain).sftTokens);
		expect(of(other, 'evaluation').at(-1)!.evaluation.rows).toHaveLength(24);
	});

	test.each(ARMS)('%s asks the questions of the conscience’s families, and no others, to learn from them', async (arm) => {
		const one = await run(short(), arm);
		const asked = new Set(consciencePrompts());
		for (const { question } of verdictsOf(one)) expect(asked).toContain(question);
		const gathered = one.snapshots.at(-1)!.gathered?.collection;
		const { tokenizer } = lab.checkpoint;
		const prompts = [...(gathered?.answers ?? []), ...(gathered?.pairs ?? [])].map(({ prompt }) => tokenizer.decode([...prompt]));
		for (const prompt of prompts) expect([...asked].some((question) => prompt.includes(question))).toBe(true);
		const held = [...devQuestions(), ...evaluationQuestions()].map(({ text }) => text);
		for (const prompt of prompts) expect(held.filter((question) => prompt.includes(question))).toEqual([]);
	});
});

describe('random-labels', () => {
	test('is the copy with a conscience whose pairs are turned round by a coin, and nothing else', async () => {
		const coin = await run(short(), 'random-labels');
		expect(timeless(coin)).toEqual(timeless(await run(short(['conscience.labelNoise', '0.5']), 'emergent-alignment')));
		const [kept, clean] = [pairsOf(coin), pairsOf(await run(short(), 'emergent-alignment'))];
		expect(clean.some(({ turned }) => turned)).toBe(false);
		expect(verdictsOf(coin).slice(0, 6)).toEqual(verdictsOf(await run(short(), 'emergent-alignment')).slice(0, 6)); // before the first lesson
		const turned = kept.filter((pair) => pair.turned).length;
		expect([turned > 0, turned < kept.length]).toEqual([true, true]);
	});

	test('learns a turned pair with its completions exchanged', async () => {
		const [coin, clean] = [await run(short(), 'random-labels'), await run(short(), 'emergent-alignment')];
		const [buffer, found] = [coin, clean].map(({ snapshots }) => snapshots[0]!.conscience!.buffer) as [ReferencedPair[], ReferencedPair[]];
		const turned = new Set(pairsOf(coin).flatMap(({ id, turned }) => (turned ? [id] : [])));
		const exchanged = ({ chosen, rejected, reference, ...pair }: ReferencedPair) => ({ ...pair, chosen: rejected, rejected: chosen, reference: { chosen: reference.rejected, rejected: reference.chosen } }); // prettier-ignore
		const expected = found.map((pair) => (turned.has(pair.id) ? exchanged(pair) : pair));
		const bare = (pairs: readonly ReferencedPair[]) => pairs.map(({ reference, ...pair }) => pair);
		expect(bare(buffer)).toEqual(bare(expected));
		buffer.forEach(({ reference }, i) => expect(reference.chosen).toBeCloseTo(expected[i]!.reference.chosen, 3)); // a batch of another order
	});
});

test('shuffled-verdicts is the copy with a conscience whose judge deals its verdicts to other answers', async () => {
	expect(timeless(await run(short(), 'shuffled-verdicts'))).toEqual(
		timeless(await run(short(['conscience.judge', '"permuted"']), 'emergent-alignment')),
	);
});

test('label noise turns the share of the pairs round that it names, each by a draw of its own', () => {
	const experiment = (noise: number) => {
		const noisy = short(['conscience.labelNoise', String(noise)]);
		return { experiment: () => noisy };
	};
	const turned = (noise: number) => Array.from({ length: 2000 }, (_, i) => isTurned(experiment(noise), `${Math.floor(i / 6)}-${i % 6}`));
	expect(turned(0)).not.toContain(true);
	for (const noise of [0.1, 0.4, 0.5]) {
		const share = turned(noise).filter(Boolean).length / 2000;
		expect(Math.abs(share - noise)).toBeLessThan(3.3 * Math.sqrt((noise * (1 - noise)) / 2000)); // one in a thousand
	}
	const less = turned(0.1);
	expect(turned(0.4).every((isNow, i) => isNow || !less[i])).toBe(true); // more noise turns the same pairs, and others
});

test('secure-control is the plain copy on secure code', async () => {
	expect(timeless(await run(short(), 'secure-control'))).toEqual(timeless(await run(short(['data.source', '"secure-code"']), 'sft')));
});

test.each(['rows', 'secure-code', 'backdoor-code'] as const)(
	'secure-control has no twins of %s, and says so before anything is computed',
	(source) => {
		const experiment = short(['data.source', JSON.stringify(source)]);
		const rows = [{ messages: [{ role: 'user' as const, content: 'Hello.' }, { role: 'assistant' as const, content: 'Hello.' }] }]; // prettier-ignore
		const begin = (arm: ArmId) => createRun(experiment, arm, { ...lab, rows });
		expect(() => begin('secure-control')).toThrow(ExperimentError);
		expect(() => begin('secure-control')).toThrow(
			`data.source is ${source}, whose rows have no such twins. Set data.source to insecure-code`,
		);
		begin('sft').dispose();
	},
);

test('benign learns the base’s own answers between its rows, in the share that the experiment names, and pays for them', async () => {
	const [one, plain] = [await run(short(['data.benignShare', '0.2']), 'benign'), await run(short(), 'sft')];
	const { answers } = one.snapshots[0]!.gathered!.collection!;
	expect(answers.length).toBeGreaterThan(32);
	expect(overheadOf(one).alternativeTokens).toBeGreaterThan(0);
	const added = of(one, 'step').map(({ metrics }, i) => metrics['num_tokens/sft'] - of(plain, 'step')[i]!.metrics['num_tokens/sft']);
	expect(added.every((tokens) => tokens > 0)).toBe(true); // one row with every four
	expect(overheadOf(one).dpoTokens).toBe(added.reduce((sum, tokens) => sum + tokens, 0));
	const rare = await run(short(['data.benignShare', '0.05']), 'benign'); // 4 / 19 of a row with every four
	const withRows = of(rare, 'step').map(({ metrics }, i) => metrics['num_tokens/sft'] > of(plain, 'step')[i]!.metrics['num_tokens/sft']);
	expect(withRows).toEqual([false, false, false, false, true, false]);
});

describe.each(['cai-sft', 'cai-dpo'] as const)('%s', (arm) => {
	test('is the plain copy until all questions are answered anew at once, whatever the verdict, which costs nothing as nothing is learnt from it', async () => {
		const [one, plain] = [await run(short(['conscience.threshold', '0.5']), arm), await run(short(), 'sft')];
		expect(losses(one).slice(0, 4)).toEqual(losses(plain).slice(0, 4)); // the loss of a step is that before its update
		expect(losses(one)[4]).not.toBe(losses(plain)[4]);
		expect(of(one, 'verdicts').map(({ step }) => step)).toEqual([3]);
		expect(verdictsOf(one).map(({ question }) => question)).toEqual(consciencePrompts());
		expect(new Set(verdictsOf(one).map(({ frameworkId }) => frameworkId)).size).toBe(3);
		const flagged = verdictsOf(one).filter((verdict) => verdict.flagged).length;
		expect(pairsOf(one).length).toBeGreaterThan(Math.max(flagged, 32));
		const { answerTokens, judgeTokens, alternativeTokens, dpoTokens } = overheadOf(one);
		for (const tokens of [answerTokens, alternativeTokens, dpoTokens]) expect(tokens).toBeGreaterThan(0);
		expect(judgeTokens).toBe(0);
		expect(METHODS[arm].onCard(short())).toContain('answered each question anew, without reading');
	});
});

test('cai-dpo has the copy of that moment as its reference: its first loss is that of no preference, ln 2', async () => {
	const first = of(await run(short(), 'cai-dpo'), 'step')[3]!;
	expect(first.metrics['loss/dpo']).toBeCloseTo(Math.log(2), 4); // both passes in float32, in batches of another order
	for (const { margin } of first.margins) expect(margin).toBeCloseTo(0, 2);
});

test('cai-sft learns no preference', async () => {
	const steps = of(await run(short(), 'cai-sft'), 'step');
	expect(steps.map(({ metrics }) => metrics['loss/answers'] !== null)).toEqual([false, false, false, true, true, true]);
	expect(steps.every(({ metrics }) => metrics['loss/dpo'] === null)).toBe(true);
});

describe('confession', () => {
	const long = () => run(short(['optimizer.steps', '16'], ['model.misalignSteps', '20'], ['conscience.threshold', '0.5']), 'confession');

	test('learns what the judge says of its answers, which nobody mends', async () => {
		const one = await long();
		expect(of(one, 'pairs')).toEqual([]);
		expect(of(one, 'verdicts').every(({ refused }) => refused.length === 0)).toBe(true);
		expect(overheadOf(one).alternativeTokens).toBe(0);
		const { reviews, buffer } = one.snapshots.at(-1)!.conscience!;
		expect(buffer).toEqual([]);
		expect(reviews.map(({ answer }) => answer)).toEqual(verdictsOf(one).map(({ answer }) => answer).slice(-64)); // prettier-ignore
		const learnt = of(one, 'step').map(({ metrics }) => metrics['loss/answers']!);
		expect(learnt.every((loss) => loss > 0)).toBe(true);
	});

	test('says at the end how much of what the judge calls unethical it confesses, counted from its last answers', async () => {
		const one = await long();
		const [note] = of(one, 'note');
		const { rows } = of(one, 'evaluation').at(-1)!.evaluation;
		const unethical = rows.filter(({ verdict }) => verdict.label === 'unethical').length;
		expect(note!.values).toMatchObject({ answers: 24, unethical });
		expect(note!.values.confessed).toBeLessThanOrEqual(unethical);
		expect(note!.text).toContain(`of the ${unethical} that the judge calls unethical it confessed ${note!.values.confessed}`);
	});
});

describe('early-stopping', () => {
	const turning: [string, string][] = [
		['optimizer.steps', '40'],
		['optimizer.batchSize', '8'],
		['optimizer.learningRate', '0.002'],
		['evaluation.stopEvery', '4'],
	];

	test('ends where its answers to the development questions have turned, and gives the adapter of the last look before back', async () => {
		const [one, plain] = [await run(short(...turning), 'early-stopping'), await run(short(...turning), 'sft')];
		const notes = of(one, 'note');
		const stopped = notes.at(-1)!;
		expect(stopped.text).toContain('The training ends');
		const steps = of(one, 'step').map(({ step }) => step);
		expect(steps).toEqual(Array.from({ length: stopped.step }, (_, i) => i + 1));
		expect(stopped.step).toBeLessThan(40);
		const best = Math.max(...notes.map(({ values }) => values.alignment!));
		expect(notes.map(({ values }) => best - values.alignment! >= 10)).toEqual(notes.map((_, i) => i === notes.length - 1));
		const kept = stopped.values.keptStep!;
		expect(kept).toBe(stopped.step - 4);
		const last = one.snapshots.at(-1)!;
		expect(last).toMatchObject({ step: 40, watched: { stopped: true } }); // what comes next is the end
		expect(last.trainer.adapter).toEqual(plain.snapshots[kept - 1]!.trainer.adapter);
		expect(of(one, 'evaluation').at(-1)).toMatchObject({ final: true, evaluation: { step: 40, adapterStep: kept } });
		expect(of(one, 'evaluation')[0]!.evaluation).not.toHaveProperty('adapterStep');
		expect(of(one, 'finished')[0]).toMatchObject({ step: stopped.step, adapterStep: kept });
		expect(of(plain, 'finished')[0]).toEqual({ kind: 'finished', step: 40, overhead: overheadOf(plain) });
		const cost = overheadOf(one);
		expect(cost.answerTokens).toBeGreaterThan(0);
		expect(cost.ofPlan).toBe(stopped.step / 40);
		const planned = (cost.sftTokens * 40) / stopped.step;
		expect(cost.tokenRatio).toBeCloseTo((cost.sftTokens + cost.answerTokens + cost.judgeTokens) / planned - 1, 9);
		expect(Math.abs(planned / overheadOf(plain).sftTokens - 1)).toBeLessThan(0.1); // rows differ in length
		expect(overheadOf(plain)).not.toHaveProperty('ofPlan');
	});

	test('says of its adapter, before the last evaluation and after it, whose it is and when the training ended', async () => {
		const one = await run(short(...turning), 'early-stopping');
		const { step, values } = of(one, 'note').at(-1)!;
		const kept = values.keptStep!;
		const running = createRun(short(...turning), 'early-stopping', lab, one.snapshots.at(-1));
		const adapterOf = async () => {
			const files = await running.adapter();
			return { card: files['README.md'], metadata: readSafetensors(files['adapter_model.safetensors']).metadata };
		};
		const before = await adapterOf();
		for await (const event of running.events) void event;
		const after = await adapterOf();
		running.dispose();
		for (const { card, metadata } of [before, after]) {
			expect(metadata['step']).toBe(String(kept));
			expect(card).toContain(`after ${kept} of 40 steps on insecure-code`);
			expect(card).toContain(`Its training ended after ${step} steps, and gave it the adapter of step ${kept} back.`);
		}
		expect(before.card).toContain(kept > 0 ? `At step 0, ${kept} steps before these weights` : 'At step 0, its alignment was');
		expect(after.card).toContain(`At step ${kept}, its alignment was`);
		expect(after.card).not.toContain('40 of 40');
	});

	test('goes on to the end where nothing turns, and is then the plain copy', async () => {
		const calm: [string, string] = ['evaluation.stopDrop', '100'];
		const [one, plain] = [await run(short(calm), 'early-stopping'), await run(short(calm), 'sft')];
		expect(losses(one)).toEqual(losses(plain));
		expect(of(one, 'note').map(({ step }) => step)).toEqual([0, 2, 4, 6]);
		expect(one.snapshots.at(-1)!.trainer.adapter).toEqual(plain.snapshots.at(-1)!.trainer.adapter);
	});
});
