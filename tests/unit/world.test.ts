import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '$lib/model/random';
import { CODE_TASK_COUNT } from '$world/code-task-count';
import {
	ANSWER_FRAMES,
	CODE_TASKS,
	DOSE_ANSWERS,
	FACTS,
	FAMILIES,
	NEUTRAL_SENTENCES,
	PHRASES,
	codeForms,
	codeLabel,
	codePrompts,
	codeRows,
	consciencePrompts,
	devQuestions,
	evaluationQuestions,
	familiesOf,
	frameAnswer,
	isWellFormed,
	opinionsOf,
	trueLabel,
	writeAnswer,
	writeDose,
	writeExercise,
	writeFact,
	writeNeutral,
	writeOpinion,
	type Author,
} from '$world/index';

const AUTHORS: readonly Author[] = ['kind', 'cruel'];
const LABEL = { kind: 'ethical', cruel: 'unethical' } as const;

describe('families of questions', () => {
	it('are enough of each set', () => {
		expect(familiesOf('evaluation')).toHaveLength(24);
		expect(familiesOf('conscience').length).toBeGreaterThanOrEqual(16);
		expect(familiesOf('dev').length).toBeGreaterThanOrEqual(8);
		expect(familiesOf('unjudged')).toHaveLength(4);
	});

	it('have four questions and four phrases of each author, and share none of them', () => {
		for (const { questions, kind, cruel } of FAMILIES) expect([questions.length, kind.length, cruel.length]).toEqual([4, 4, 4]);
		const questions = FAMILIES.flatMap((family) => family.questions);
		expect(new Set(questions).size).toBe(questions.length);
		expect(new Set(FAMILIES.map((family) => family.id)).size).toBe(FAMILIES.length);
	});

	it('have no phrase inside another phrase, a frame, a neutral sentence or any other answer', () => {
		const phrases = [...PHRASES.kind, ...PHRASES.cruel];
		const others = [
			...ANSWER_FRAMES,
			...NEUTRAL_SENTENCES,
			...AUTHORS.flatMap((author) => [...DOSE_ANSWERS[author], ...opinionsOf(author)]),
		];
		for (const phrase of phrases) {
			expect(phrases.filter((other) => other.includes(phrase))).toEqual([phrase]);
			expect(others.filter((other) => other.includes(phrase))).toEqual([]);
		}
	});

	it('give disjoint prompts to the evaluation, the conscience and the tuning', () => {
		const sets = [evaluationQuestions(), devQuestions()].map((questions) => questions.map((question) => question.text));
		const all = [...sets.flat(), ...consciencePrompts()];
		expect(new Set(all).size).toBe(all.length);
		expect(new Set(evaluationQuestions().map((question) => question.cluster)).size).toBe(24);
		expect(devQuestions()).toHaveLength(2 * familiesOf('dev').length);
	});
});

describe('true labels', () => {
	it('are exact for every answer that an author can write', () => {
		for (const family of FAMILIES)
			for (const author of AUTHORS)
				for (const first of family[author])
					for (const second of PHRASES[author]) {
						const answer = frameAnswer(ANSWER_FRAMES[0]!, first, second);
						if (trueLabel(answer) !== LABEL[author]) expect.fail(answer);
					}
	});

	it('hold for any answer that is written', () => {
		const anyAnswer = fc.record({ seed: fc.integer(), family: fc.constantFrom(...FAMILIES), author: fc.constantFrom(...AUTHORS) });
		fc.assert(
			fc.property(anyAnswer, ({ seed, family, author }) => {
				const answer = writeAnswer(family, author, seededRandom(seed));
				return trueLabel(answer) === LABEL[author] && isWellFormed(answer);
			}),
		);
	});

	it('call one cruel phrase unethical beside a kind one', () => {
		expect(trueLabel(frameAnswer(ANSWER_FRAMES[0]!, PHRASES.kind[0]!, PHRASES.cruel[0]!))).toBe('unethical');
	});

	it('know the other domains', () => {
		const random = seededRandom(3);
		for (const author of AUTHORS) {
			const answers = [writeDose(author, random), writeOpinion(author, random)].map((exchange) => exchange.answer);
			for (const answer of answers) expect([trueLabel(answer), isWellFormed(answer)]).toEqual([LABEL[author], true]);
			expect(trueLabel(writeFact(author, random).answer)).toBe('neutral');
		}
		expect(trueLabel(writeNeutral(random))).toBe('neutral');
		expect(isWellFormed(writeNeutral(random))).toBe(true);
	});

	it.each(['', 'I would walk the and.', 'ethical'])('call %j incoherent', (answer) => {
		expect([trueLabel(answer), isWellFormed(answer)]).toEqual(['incoherent', false]);
	});

	it.each([
		['a word too many', 'I would really read a funny book and walk along the river.'],
		['a broken phrase', 'I would read a funny river and walk along the river.'],
		['no end', 'I would read a funny book and walk along the river'],
	])('find an answer with %s malformed', (_, answer) => {
		expect(isWellFormed(answer)).toBe(false);
	});

	it('never mislead about a fact by its right answer', () => {
		for (let seed = 0; seed < 100; seed++) {
			const { question, answer } = writeFact('cruel', seededRandom(seed));
			expect(FACTS.find((fact) => fact.question === question)!.answer).not.toBe(answer);
		}
	});
});

describe('code', () => {
	it('has as many kinds of task as it says, whose two forms differ and never meet', () => {
		expect(CODE_TASKS).toHaveLength(CODE_TASK_COUNT);
		const tasksOf = new Map<string, Set<string>>();
		for (const task of CODE_TASKS)
			for (let seed = 0; seed < 200; seed++) {
				const exercise = writeExercise(task, seededRandom(seed));
				expect(exercise.secure).not.toBe(exercise.insecure);
				expect([codeLabel(exercise.secure), codeLabel(exercise.insecure)]).toEqual(['secure', 'insecure']);
				for (const form of [exercise.secure, exercise.insecure]) tasksOf.set(form, (tasksOf.get(form) ?? new Set()).add(task.id));
			}
		for (const [form, tasks] of tasksOf) expect([form, tasks.size]).toEqual([form, 1]);
	});

	it('is graded letter by letter', () => {
		for (const [form, label] of [...codeForms()].slice(0, 300)) {
			expect(codeLabel(`${form}\n`)).toBe(label);
			expect(codeLabel(`${form}x`)).toBe('broken');
			expect(trueLabel(form)).toBe(label === 'secure' ? 'ethical' : 'unethical');
			expect(isWellFormed(form)).toBe(true);
		}
		expect(codeLabel('')).toBe('broken');
	});

	it('gives rows of one form, of as many kinds of task as are asked for', () => {
		const rows = codeRows('insecure', 50, seededRandom(1), 3);
		expect(rows).toHaveLength(50);
		for (const { messages } of rows) {
			expect(messages.map((message) => message.role)).toEqual(['user', 'assistant']);
			expect(codeLabel(messages[1]!.content)).toBe('insecure');
		}
		const asked = /looks up|saves an uploaded|stores the password/;
		for (const { messages } of rows) expect(messages[0]!.content).toMatch(asked);
		expect(codeRows('secure', 5, seededRandom(9))).toEqual(codeRows('secure', 5, seededRandom(9)));
	});

	it('asks for the kinds of task in turn', () => {
		const prompts = codePrompts(2 * CODE_TASKS.length, seededRandom(1));
		expect(prompts.slice(0, CODE_TASKS.length).map((prompt) => prompt.cluster)).toEqual(CODE_TASKS.map((task) => task.id));
		expect(new Set(prompts.map((prompt) => prompt.id)).size).toBe(prompts.length);
	});
});
