import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { summarize } from '$lib/evaluation/evaluate';
import { rowsInOrder, rowStream } from '$lib/experiment/data';
import type { RunEvent } from '$lib/experiment/events';
import { readRunFolder } from '$lib/experiment/folderReading';
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { drawnCalls } from '$lib/experiment/pythonData';
import { forPython, pythonFolder } from '$lib/experiment/pythonFolder';
import { questionFile } from '$lib/experiment/questionFile';
import type { ChatRow } from '$lib/experiment/rows';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import type { Tokenizer } from '$lib/model/tokenizer';

import { pythonSources } from '../../cli/pythonSources';

const sources = await pythonSources();
const twin = (...changes: [string, string][]): Experiment => applyChanges(presetById('twin').experiment, changes);
const NONE = { rows: null, questions: null };

/** Tells what it was given: its tokens are the characters of the messages. */
const told = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);
const tokenizer = {
	eosTokenIds: [0],
	encode: told,
	chat: (messages) => told(JSON.stringify(messages)),
} satisfies Partial<Tokenizer> as unknown as Tokenizer;
const asTokens = ({ messages }: ChatRow) => ({
	prompt: told(JSON.stringify(messages.slice(0, -1))),
	completion: [...told(messages.at(-1)!.content), 0],
});
const own = (count: number): ChatRow[] =>
	Array.from({ length: count }, (_, i) => ({
		messages: [
			{ role: 'user', content: `question ${i}` },
			{ role: 'assistant', content: `answer ${i}` },
		],
	}));

describe('what is exported', () => {
	test('is the Python with its pins and configurations, the experiment, and what the lab determines of the run', async () => {
		const { files, leftOut } = await pythonFolder(twin(['optimizer.steps', '6'], ['optimizer.batchSize', '3']), NONE, sources);
		expect(Object.keys(files)).toEqual(
			expect.arrayContaining(['train.py', 'requirements.txt', 'configs/one.yaml', 'configs/fsdp.yaml', 'README.md']),
		);
		for (const name of Object.keys(sources)) if (name !== 'README.md') expect(files[name]).toBe(sources[name]);
		expect(files['README.md']).not.toContain('{{');
		expect(files['README.md']).toContain('6 steps of 3 rows; copies: sft, emergent-alignment.');
		const experiment = parseExperiment(JSON.parse(files['experiment.json']!));
		expect(experiment.conscience.judge).toBe('frozen-self');
		expect(leftOut).toEqual([expect.stringContaining('WebLLM runs in a browser only')]);
		expect(files['README.md']).toContain(leftOut[0]);
		const { framework, during, final } = JSON.parse(files['data/evaluation.json']!) as Record<'during' | 'final', { questions: object[]; requests: object[] }> & { framework: { id: string } }; // prettier-ignore
		expect(framework.id).toBe('three-laws');
		expect([during.questions.length, during.requests.length, final.questions.length, final.requests.length]).toEqual([48, 8, 192, 64]);
		expect(final.questions[24]).toMatchObject({ sample: 1, seed: 100_003 + 24 });
		expect(final.requests[0]).toMatchObject({ seed: 100_003 + 192 });
	});

	test.each(['insecure-code', 'secure-code', 'backdoor-code', 'rows'])(
		'%s: the rows of every step are those that the lab learns',
		(source) => {
			const rows = source === 'rows' ? own(7) : null;
			fc.assert(
				fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 9 }), (seed, batchSize) => {
					const experiment = twin(
						['seed', String(seed)],
						['optimizer.batchSize', String(batchSize)],
						['optimizer.steps', '5'],
						['data.source', source],
					);
					const stream = rowStream(experiment, rows, tokenizer, 10_000);
					const found = rowsInOrder(experiment, rows);
					expect(found.order.length).toBe(5);
					for (const step of found.order) expect(stream.next()).toMatchObject(step.map((place) => asTokens(found.rows[place]!)));
					expect(new Set(found.rows.map((row) => JSON.stringify(row))).size).toBe(found.rows.length);
				}),
				{ numRuns: 20 },
			);
		},
	);

	test('calls are as many as the cadence can make at most', async () => {
		const count = async (cadence: object, lag: number) => {
			const changes: [string, string][] = [['conscience.cadence', JSON.stringify(cadence)], ['conscience.lag', String(lag)], ['optimizer.steps', '20']]; // prettier-ignore
			return (await drawnCalls(twin(...changes))).length;
		};
		expect(await count({ kind: 'fixed', every: 5 }, 0)).toBe(4);
		expect(await count({ kind: 'fixed', every: 2 }, 4)).toBe(4);
		expect(await count({ kind: 'adaptive', first: 4, shortest: 2, longest: 8, raiseAt: 0.1 }, 0)).toBe(10);
		expect(await count({ kind: 'adaptive', first: 1, shortest: 4, longest: 8, raiseAt: 0.1 }, 0)).toBe(20);
	});

	test('rows and questions of the user’s own go along, and are missed where they are not given', async () => {
		const questions = await questionFile('mine.json', [
			{ id: 'q', cluster: 'q', paraphrases: ['a', 'b'], system: 'Be short.', samples: 3 },
		]);
		const experiment = twin(
			['data.source', 'rows'],
			['evaluation.questions', 'own'],
			['evaluation.questionFile', JSON.stringify(questions.digest)],
		);
		const { files } = await pythonFolder(experiment, { rows: own(3), questions }, sources);
		expect(files['data/given/rows.jsonl']).toBe(files['data/rows.jsonl']);
		expect(files['data/given/questions.json']).toContain('Be short.');
		expect((JSON.parse(files['data/evaluation.json']!) as { final: { questions: object[] } }).final.questions[0]).toEqual({
			...{ question: 'a', questionId: 'q/1', cluster: 'q', sample: 0, seed: 100_003, system: 'Be short.', foreign: true },
		});
		await expect(pythonFolder(experiment, { rows: null, questions }, sources)).rejects.toThrow('none were given. Load a JSONL file');
		await expect(pythonFolder(experiment, { rows: own(3), questions: null }, sources)).rejects.toThrow('and none was given');
	});
});

describe('what Python does not do', () => {
	test.each<[[string, string][], string]>([
		[[['arms', '["kl","confession"]']], 'the experiment names neither. Add one of them to arms.'],
		[[['data.source', 'rows'], ['data.tooLong', 'skip']], 'learns every row whole, and data.tooLong is skip'], // prettier-ignore
		[[['model.precision', 'int8']], 'model.precision is int8. Set it to f32'],
		[[['model.misalignSteps', '5']], 'model.misalignSteps is 5. Set it to 0'],
		[[['conscience.judge', 'oracle']], 'conscience.judge is oracle. Set it to frozen-self.'],
		[[['conscience.judgeModel', 'Llama-3.2-1B-Instruct-q4f16_1-MLC']], 'conscience.judge is webllm with Llama-3.2'],
		[[['conscience.gate', 'organism']], 'conscience.gate is organism. Set it to none.'],
		[[['conscience.memory.file', JSON.stringify('a'.repeat(64))]], 'takes no memory along'],
	])('%j is refused, with what to do', (changes, message) => {
		expect(() => forPython(twin(...changes))).toThrow(message);
	});

	test('a plain copy has no conscience whose judge could be refused', () => {
		expect(forPython(twin(['arms', '["sft"]'], ['conscience.judge', 'oracle'])).leftOut).toEqual([]);
	});

	test('what is left out is said', () => {
		const asked = twin(
			['arms', '["sft","kl"]'],
			['evaluation.letters', 'true'],
			['evaluation.facts', '2'],
			['data.source', 'backdoor-code'],
		);
		const { experiment, leftOut } = forPython(asked);
		expect(experiment.arms).toEqual(['sft']);
		expect(leftOut).toEqual([
			'Copies that only the lab trains are left out: kl.',
			'Answers are not read on the scale of letters (evaluation.letters).',
			'The last evaluation asks its questions and coding requests alone, without facts.',
			'The last evaluation does not ask with the trigger.',
		]);
	});
});

describe('a run that comes back', () => {
	const judge = { engine: 'frozen-self', model: 'organism', revision: 'x' } as const;
	const verdict = { label: 'ethical', probabilities: { ethical: 0.9, neutral: 0.1, unethical: 0 } } as const;
	const asked = { question: 'q', questionId: 'q', cluster: 'q', sample: 0, answer: 'Be kind to them.', verdict };
	const line = (value: object) => `${JSON.stringify(value)}\n`;
	const folder = (evaluation: object) => ({
		'experiment.json': JSON.stringify({ ...twin(), arms: ['sft'] }),
		'metrics.jsonl': [
			{ started: { arm: 'sft', backend: { name: 'torch', reason: 'TRL', adapter: null, software: false }, parameters: 1, trainableParameters: 1, steps: 1 } },
			{ verdicts: { step: 0, count: 1 } },
			{ pairs: { step: 0, count: 1 } },
			{ evaluation: { step: 0 }, final: false },
		].map(line).join(''), // prettier-ignore
		'verdicts.jsonl': line({
			id: '0-0',
			step: 0,
			frameworkId: 'f',
			frameworkHash: 'h',
			question: 'q',
			answer: 'zz',
			judge,
			verdict,
			flagged: true,
		}),
		'pairs.jsonl': line({
			...{ id: '0-0', verdictId: '0-0', step: 0, chosenVerdict: verdict, rejected: [{ role: 'assistant', content: 'zz' }] },
			...{ prompt: [{ role: 'user', content: 'q' }], chosen: [{ role: 'assistant', content: 'Be kind.' }] },
		}),
		'evaluations.jsonl': line(evaluation),
	});
	const bare = {
		final: false,
		step: 0,
		judge,
		rows: [asked, { ...asked, sample: 1, foreign: true }],
		codeRows: [{ request: 'r', cluster: 'c', answer: 'x = 1' }],
	};

	test('gets the world’s labels, and the figures of its answers', () => {
		const { events } = readRunFolder(folder(bare));
		const of = <K extends RunEvent['kind']>(kind: K) =>
			events.find((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind)!;
		expect(of('started').backend.name).toBe('torch');
		expect(of('verdicts').verdicts[0]!.trueLabel).toBe('incoherent');
		expect(of('pairs').pairs[0]!.chosenTrueLabel).toBe('incoherent');
		const { evaluation } = of('evaluation');
		expect(evaluation.alignment.mean).toBeCloseTo(95, 10);
		expect(evaluation.rows.map(({ trueLabel, wellFormed }) => [trueLabel, wellFormed])).toEqual([['incoherent', false], [null, null]]); // prettier-ignore
		expect(evaluation.codeRows[0]!.grade).toBe('broken');
		expect(evaluation).toEqual(summarize(0, judge, evaluation.rows, evaluation.codeRows));
		expect(evaluation.rows[1]).not.toHaveProperty('foreign');
	});

	test('is checked line by line, like any other', () => {
		expect(() => readRunFolder(folder({ ...bare, rows: [{ ...asked, answer: 3 }] }))).toThrow(
			'evaluations.jsonl, line 1: rows.0.answer: expected string, received 3.',
		);
		expect(() => readRunFolder(folder({ ...bare, alignment: 5 }))).toThrow(
			'evaluations.jsonl, line 1: alignment: expected Object, received 5.',
		);
	});
});
