import { createHash } from 'node:crypto';

import * as fc from 'fast-check';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import { LABELS, verdictOf } from '$lib/conscience/judge';
import { summarizeProbes } from '$lib/evaluation/askProbes';
import { summarize } from '$lib/evaluation/evaluate';
import type { EvaluationRow, TrueLabel } from '$lib/evaluation/evaluation';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { Overhead, RunEvent } from '$lib/experiment/events';
import type { FolderRun } from '$lib/experiment/folder';
import { NO_OVERHEAD } from '$lib/experiment/meter';
import { PRESETS } from '$lib/experiment/presets';
import type { ChatRow } from '$lib/experiment/rows';
import { ARMS, type Experiment } from '$lib/experiment/schema';
import { verdictLines } from '$lib/experiment/verdictFile';
import { PROJECTIONS } from '$lib/model/config';

/** Runs as they may come out of the runner: any texts and numbers, in the order in which a run tells them. */

const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0); // JSON knows no −0
const maybe = fc.option(real);
const verdict = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })).map(([a, b]) => verdictOf([a + 0, b + 0, 1])); // prettier-ignore
const trueLabel = fc.constantFrom<TrueLabel>(...LABELS, 'incoherent');
const overhead = fc
	.tuple(fc.record({ sftTokens: real, tokenRatio: maybe, secondRatio: maybe, calls: fc.nat() }), maybe)
	.map(([some, ofPlan]): Overhead => ({ ...NO_OVERHEAD, ...some, ...(ofPlan !== null && { ofPlan }) }));
/** Null of a copy that has its own adapter to the end. */
const adapterStep = fc.option(fc.nat());

const metrics = fc.record({
	loss: real,
	'loss/sft': maybe,
	'loss/dpo': maybe,
	'loss/answers': maybe,
	'loss/kl': maybe,
	'loss/lorra': maybe,
	'rewards/chosen': maybe,
	'rewards/rejected': maybe,
	'rewards/margins': maybe,
	'rewards/accuracies': maybe,
	'logps/chosen': maybe,
	'logps/rejected': maybe,
	'logratios/chosen': maybe,
	'logratios/rejected': maybe,
	'gradients/cosine': maybe,
	'gradients/share': maybe,
	grad_norm: real,
	learning_rate: real,
	'num_tokens/sft': fc.nat(),
	'num_tokens/dpo': fc.nat(),
	'num_tokens/answers': fc.nat(),
	'num_tokens/kl': fc.nat(),
	'num_tokens/lorra': fc.nat(),
});

/** Null of runs from before the lab looked inside. */
const inside = fc.option(
	fc.record({
		changeNorms: fc.array(fc.record({ layer: fc.nat(), projection: fc.constantFrom(...PROJECTIONS), norm: real }), { maxLength: 3 }),
		layers: fc.array(fc.nat(), { maxLength: 3 }),
		answers: fc.array(
			fc.record({
				questionId: fc.string(),
				tokens: fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
				positions: fc.array(fc.array(real, { maxLength: 3 }), { maxLength: 3 }),
			}),
			{ maxLength: 2 },
		),
	}),
);

const evaluationAt = (step: number) =>
	fc
		.tuple(
			fc.boolean(),
			fc.array(fc.tuple(fc.string({ unit: 'binary' }), verdict, trueLabel, fc.boolean()), { maxLength: 4 }),
			fc.array(fc.tuple(fc.string(), fc.constantFrom('secure' as const, 'insecure' as const, 'broken' as const)), { maxLength: 3 }),
			inside,
			adapterStep,
		)
		.map(([final, answers, code, found, kept]): RunEvent => {
			const rows = answers.map(([answer, judged, label, flag], i): EvaluationRow => {
				const question = { question: `Question ${i % 2}?`, questionId: `q${i % 2}`, cluster: `q${i % 2}`, sample: i };
				return { ...question, answer, verdict: judged, trueLabel: label, wellFormed: flag, code: !flag, refusal: flag };
			});
			const codeRows = code.map(([answer, grade], i) => ({ request: `write ${i}`, cluster: `c${i}`, answer, grade }));
			const evaluation = summarize(step, { engine: 'oracle', model: 'm', revision: 'r' }, rows, codeRows);
			const unknown = { trueLabel: null, wellFormed: null };
			const foreign = rows.map(({ verdict, code, refusal, trueLabel, wellFormed, ...row }) => ({ ...row, system: 'Be brief.', verdict, ...unknown, code, refusal })); // prettier-ignore
			const facts = answers.map(([answer], sample) => ({ question: '2 + 2?', questionId: 'sum', cluster: 'sum', sample, answer, right: 'Four.' })); // prettier-ignore
			const heldOut = code.map(([answer], i) => ({ request: `do ${i}`, cluster: `c${i}`, answer, tokens: i + 1, loss: i / 3, accuracy: 0.5 })); // prettier-ignore
			const probes = summarizeProbes({ conditional: rows, trigger: foreign, triggerCode: codeRows, harmless: rows, facts, heldOut });
			const told = Object.keys(probes).length > 0 ? { ...evaluation, probes } : evaluation;
			return {
				kind: 'evaluation',
				final,
				evaluation: { ...told, ...(kept !== null && { adapterStep: kept }) },
				...(found && { inside: found }),
			};
		});

const callAt = (step: number) =>
	fc
		.array(fc.tuple(fc.string({ unit: 'binary' }), verdict, trueLabel, fc.constantFrom('passed', 'refused', 'paired')), { maxLength: 4 })
		.map((answers): RunEvent[] => {
			const id = (i: number) => `${step}-${i}`;
			const framework = { frameworkId: 'three-laws', frameworkHash: 'hash' };
			const judge = { engine: 'webllm', model: 'm', revision: '1' } as const;
			const verdicts = answers.map(([answer, judged, label, fate], i) => {
				return {
					id: id(i),
					step,
					...framework,
					question: 'Q?',
					answer,
					judge,
					verdict: judged,
					trueLabel: label,
					flagged: fate !== 'passed',
				};
			});
			const refused = answers.flatMap(([, judged, , fate], i) =>
				fate === 'refused' ? [{ verdictId: id(i), answer: 'no', verdict: judged }] : [],
			);
			const pairs = answers.flatMap(([answer, judged, label, fate], i) =>
				fate === 'paired'
					? [
							{
								id: id(i),
								verdictId: id(i),
								step,
								question: 'Q?',
								chosen: 'c',
								rejected: answer,
								chosenVerdict: judged,
								chosenTrueLabel: label,
							},
						]
					: [],
			);
			return [{ kind: 'verdicts', step, verdicts, refused }, ...(pairs.length > 0 ? [{ kind: 'pairs' as const, step, pairs }] : [])];
		});

const lambda = fc.double({ min: 0, max: 100, noNaN: true }).map((x) => x + 0);
const every = fc.integer({ min: 1, max: 10_000 });
/** A change of one field; a cadence of another kind had no `every` before. */
const changeAt = (step: number) =>
	fc
		.oneof(
			fc.record({ path: fc.constant('conscience.lambda'), from: lambda, to: lambda }),
			fc.record({ path: fc.constant('conscience.cadence.every'), from: fc.option(every, { nil: undefined }), to: every }),
		)
		.map((change): RunEvent => ({ kind: 'change', step, changes: [change] }));

/** What comes before optimizer step `step` + 1, and that step. */
const stepFrom = (step: number) =>
	fc
		.record({
			evaluations: fc.array(evaluationAt(step), { maxLength: 1 }),
			changes: fc.array(changeAt(step), { maxLength: 1 }),
			calls: fc.array(callAt(step), { maxLength: 1 }),
			metrics,
			margins: fc.array(fc.record({ pairId: fc.string(), margin: real }), { maxLength: 2 }),
			overhead,
			nextCall: fc.option(fc.nat()),
		})
		.map(({ evaluations, changes, calls, ...told }): RunEvent[] => [
			...evaluations,
			...changes,
			...calls.flat(),
			{ kind: 'step', step: step + 1, ...told },
		]);

const started = fc
	.tuple(fc.constantFrom('webgpu' as const, 'wasm' as const, 'cpu' as const), fc.string(), fc.option(fc.string()), fc.boolean())
	.map(([name, reason, adapter, software]): RunEvent => {
		return { kind: 'started', arm: 'sft', backend: { name, reason, adapter, software }, parameters: 9, trainableParameters: 3, steps: 4 };
	});

const finished = fc
	.tuple(fc.nat(), adapterStep, overhead)
	.map(([step, kept, cost]): RunEvent => ({ kind: 'finished', step, ...(kept !== null && { adapterStep: kept }), overhead: cost }));

const events = fc
	.tuple(started, stepFrom(0), stepFrom(1), stepFrom(2), evaluationAt(3), finished)
	.chain(([first, a, b, c, last, end]) =>
		fc.nat({ max: 3 }).map((steps): RunEvent[] => [first, ...[a, b, c].slice(0, steps).flat(), ...(steps === 3 ? [last, end] : [])]),
	);

const adapter = fc.tuple(fc.uint8Array(), fc.string()).map(([bytes, card]): AdapterFolder => {
	return { 'adapter_config.json': '{}', 'adapter_model.safetensors': new Uint8Array(bytes), 'experiment.json': '{}', 'README.md': card };
});

/** Rows of the user's own, with and without a system turn. */
const rows = fc.array(
	fc.tuple(fc.option(fc.string()), fc.string({ unit: 'binary' }), fc.string()).map(([system, question, answer]): ChatRow => {
		const turns = [{ role: 'user' as const, content: question }, { role: 'assistant' as const, content: `a${answer}` }]; // prettier-ignore
		return { messages: system === null ? turns : [{ role: 'system', content: system }, ...turns] };
	}),
	{ minLength: 1, maxLength: 3 },
);

/** Verdicts of the user's own, as `parseVerdicts` gives them. */
const verdictFile = fc
	.record({
		fileName: fc.string({ minLength: 1 }),
		question: fc.string(),
		answer: fc.string({ unit: 'binary' }),
		doubt: fc.double({ min: 0, max: 0.5, noNaN: true }),
	}) // prettier-ignore
	.map(({ fileName, question, answer, doubt }): VerdictFile => {
		const verdicts = [{ question: `Q${question}`.trim(), answer: answer.trim(), verdict: verdictOf([doubt + 0, 1 - doubt, 0]) }];
		return { fileName, digest: createHash('sha256').update(verdictLines(verdicts)).digest('hex'), verdicts };
	});
const byDigest = (a: VerdictFile, b: VerdictFile) => (a.digest < b.digest ? -1 : 1);

export const keptRun: fc.Arbitrary<FolderRun> = fc
	.record({
		preset: fc.constantFrom(...PRESETS),
		seed: fc.nat({ max: 2 ** 31 - 1 }),
		arm: fc.constantFrom(...ARMS),
		begunAt: fc.option(fc.nat({ max: 4e12 })),
		events,
		labels: fc.array(fc.tuple(fc.string(), fc.constantFrom(...LABELS)), { maxLength: 3 }),
		pins: fc.array(fc.string(), { maxLength: 3 }),
		adapter: fc.option(adapter),
		rows: fc.option(rows),
		broken: fc.boolean(),
		rowsName: fc.option(fc.string()),
		verdictFiles: fc
			.array(verdictFile, { maxLength: 2 })
			.map((files) => [...new Map(files.map((file) => [file.digest, file])).values()].sort(byDigest)),
	})
	.map(({ preset, seed, arm, labels, pins, broken, ...run }): FolderRun => {
		const { data } = preset.experiment;
		const experiment: Experiment = { ...preset.experiment, seed, arms: [arm], data: { ...data, source: run.rows ? 'rows' : data.source } };
		const failed = broken && !run.events.some(({ kind }) => kind === 'finished');
		const rowsName = run.rows && run.rowsName;
		return { experiment, arm, failed, labels: new Map(labels), pins: new Set(pins), ...run, rowsName };
	});

/** One such run, always the same for the same seed. */
export const someRun = (seed = 1): FolderRun =>
	fc.sample(
		keptRun.filter(({ events: told }) => {
			const answers = told.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
			return answers.length > 2 && told.some(({ kind }) => kind === 'finished') && told.some(({ kind }) => kind === 'pairs');
		}),
		{ numRuns: 1, seed },
	)[0]!;
