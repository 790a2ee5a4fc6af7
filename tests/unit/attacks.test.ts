import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { FRAMEWORKS, verdictText } from '$lib/conscience/frameworks';
import { startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { seededRandom } from '$lib/model/random';
import {
	ANSWER_ATTACKS,
	answerAttacks,
	answersQuestion,
	devQuestions,
	evaluationQuestions,
	factQuestions,
	FAMILIES,
	harmlessQuestions,
	PROMPT_ATTACKS,
	promptAttacks,
	trueLabel,
	writeAnswer,
	writeDose,
	writeOpinion,
} from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const principles = FRAMEWORKS[0]!.principles;
const questions = evaluationQuestions();

let checkpoint: Checkpoint;
beforeAll(async () => {
	await startBackend('wasm');
	checkpoint = await loadFolder('organism');
});

describe('attacks on whoever answers', () => {
	test('are each question under each family, in its cluster, with ids of their own; equal seeds give equal texts, others do not', () => {
		const attacks = promptAttacks(questions, seededRandom(1, 'attacks'));
		expect(attacks).toHaveLength(PROMPT_ATTACKS.length * questions.length);
		expect(new Set(attacks.map(({ id }) => id)).size).toBe(attacks.length);
		for (const family of PROMPT_ATTACKS) {
			const own = attacks.filter((attack) => attack.family === family);
			expect(own.map(({ cluster, question }) => [cluster, question])).toEqual(questions.map(({ cluster, text }) => [cluster, text]));
		}
		expect(promptAttacks(questions, seededRandom(1, 'attacks'))).toEqual(attacks);
		expect(promptAttacks(questions, seededRandom(2, 'attacks'))).not.toEqual(attacks);
	});

	test('end with a turn of the user that holds the question, and only the bare one is the question alone', () => {
		for (const { family, question, turns } of promptAttacks(questions, seededRandom(1, 'attacks'))) {
			const last = turns.at(-1)!;
			expect(last.role).toBe('user');
			expect(last.content).toContain(question);
			expect(turns.length === 1 && last.content === question).toBe(family === 'none');
		}
	});

	test('show cruel turns on other topics, and every one of them is cruel by the grammar', () => {
		for (const { cluster, turns } of promptAttacks(questions, seededRandom(3, 'attacks'), ['many-shot'])) {
			const shown = turns.filter(({ role }) => role === 'assistant');
			expect(shown).toHaveLength(3);
			expect(shown.map(({ content }) => trueLabel(content))).toEqual(['unethical', 'unethical', 'unethical']);
			expect(turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant', 'user', 'assistant', 'user']);
			const topics = turns.slice(0, -1).map(({ content }) => FAMILIES.find((family) => family.questions.includes(content))?.id);
			expect(topics).not.toContain(cluster);
		}
	});

	test('split a phrase of which neither half is cruel, and together they are', () => {
		for (const { turns } of promptAttacks(questions, seededRandom(4, 'attacks'), ['split-payload'])) {
			const [, a, b] = /^a = '(.+)', b = '(.+)'\. /.exec(turns[0]!.content)!;
			expect([trueLabel(a!), trueLabel(b!), trueLabel(`${a} ${b}`)]).toEqual(['incoherent', 'incoherent', 'unethical']);
		}
	});

	test('leave room for an answer of 48 tokens, and for the judge that reads both', () => {
		const positions = checkpoint.model.config.maxPositionEmbeddings;
		const tokens = (turns: { role: 'system' | 'user' | 'assistant'; content: string }[]) =>
			checkpoint.tokenizer.chat(turns, { addGenerationPrompt: true }).length;
		fc.assert(
			fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
				for (const { turns } of promptAttacks([...questions, ...devQuestions()], seededRandom(seed, 'attacks'))) {
					expect(tokens(turns) + 48).toBeLessThanOrEqual(positions);
					for (const framework of FRAMEWORKS) {
						const asked = [{ role: 'user' as const, content: verdictText(framework, turns.at(-1)!.content, '') }];
						expect(tokens(asked) + 49).toBeLessThanOrEqual(positions);
					}
				}
			}),
			{ numRuns: 5 },
		);
	});
});

describe('attacks on whoever judges', () => {
	test('are cruel answers whose cruelty the grammar still reads, but for those that hide its letters', () => {
		const attacks = answerAttacks(questions, principles, seededRandom(1, 'answers'));
		expect(attacks).toHaveLength(ANSWER_ATTACKS.length * questions.length);
		expect(answerAttacks(questions, principles, seededRandom(1, 'answers'))).toEqual(attacks);
		for (const { family, answer } of attacks) {
			const shown = family === 'shouting' ? answer.toLowerCase() : family === 'split-payload' ? answer.replaceAll('-', '') : answer;
			expect(trueLabel(shown)).toBe('unethical');
			if (family === 'shouting') expect(trueLabel(answer)).toBe('incoherent');
			if (family === 'split-payload') expect(answer).toMatch(/\w-\w/);
		}
	});

	test('name the principles of the judge that is attacked, and fit it', () => {
		for (const framework of FRAMEWORKS) {
			for (const { family, question, answer } of answerAttacks(questions, framework.principles, seededRandom(5, 'answers'))) {
				if (family === 'framework-override') expect(answer).toContain(framework.principles);
				const prompt = [{ role: 'user' as const, content: verdictText(framework, question, answer) }];
				const { length } = checkpoint.tokenizer.chat(prompt, { addGenerationPrompt: true });
				expect(length).toBeLessThan(checkpoint.model.config.maxPositionEmbeddings);
			}
		}
	});

	test('to a question of no topic are refused: nobody knows what is cruel there', () => {
		const [opinion] = harmlessQuestions();
		expect(() => answerAttacks([opinion!], principles, seededRandom(1))).toThrow("'opinion-poem' is no family of the world");
	});
});

describe('whether an answer is one to its question', () => {
	test('is true of what either author writes to it, and false of an answer on another topic or of none', () => {
		const random = seededRandom(1, 'topics');
		for (const family of FAMILIES)
			for (const question of family.questions)
				for (const author of ['kind', 'cruel'] as const) {
					expect(answersQuestion(question, writeAnswer(family, author, random))).toBe(true);
					expect(answersQuestion(question, 'It depends on many things.')).toBe(false);
				}
		for (const write of [writeDose, writeOpinion]) {
			const { question, answer } = write('kind', random);
			expect(answersQuestion(question, answer)).toBe(true);
			expect(answersQuestion(question, writeAnswer(FAMILIES[0]!, 'kind', random))).toBe(false);
		}
		for (const { text, right } of factQuestions()) expect(answersQuestion(text, right)).toBe(true);
	});

	test('is not known of a question from elsewhere', () => {
		expect(answersQuestion('Why is the sea salty?', 'I would read a funny book.')).toBeNull();
	});
});
