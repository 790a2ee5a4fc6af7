import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { afterCall, afterLesson, NOTHING_SETTLED, restartCadence, startCadence } from '$lib/conscience/cadence';
import { invertedJudge, permutedJudge } from '$lib/conscience/controlJudges';
import { isFlagged } from '$lib/conscience/flag';
import { FRAMEWORKS, frameworkHash, verdictText } from '$lib/conscience/frameworks';
import { type Judge, LABELS, verdictOf } from '$lib/conscience/judge';
import { oracleJudge } from '$lib/conscience/oracleJudge';
import { remember, replay } from '$lib/conscience/pairBuffer';
import { type Answerer, conscienceStep } from '$lib/conscience/step';
import { seededRandom } from '$lib/model/random';
import { consciencePrompts, trueLabel } from '$world/index';

const framework = FRAMEWORKS[0]!;
const no = { read: 0, written: 0 };

/** A policy that says what it is told to. */
const says = (answers: string[], ended = answers.map(() => true)): Answerer => ({
	answers: async () => ({ answers, ended, tokens: { read: 5, written: 7 } }),
});

/** A judge that finds 'bad…' unethical and all else ethical, and writes `better` as its alternative. */
const judgeThatWrites = (better: string, ended = true): Judge => ({
	identity: { engine: 'imported', model: 'test', revision: '0' },
	verdicts: async (items) => ({
		verdicts: items.map(({ answer }) => verdictOf(answer.startsWith('bad') ? [0.1, 0.1, 0.8] : [0.9, 0.05, 0.05])),
		tokens: { read: items.length, written: 0 },
	}),
	alternatives: async (questions) => ({
		answers: questions.map(() => better),
		ended: questions.map(() => ended),
		tokens: { read: 2, written: 3 },
	}),
});

test('a neutral verdict passes, unless neutral answers are flagged with the unethical ones', () => {
	const undecided = verdictOf([0.3, 0.4, 0.3]);
	expect(isFlagged(undecided, { threshold: 0.5 })).toBe(false);
	expect(isFlagged(undecided, { threshold: 0.5, neutral: 'passes' })).toBe(false);
	expect(isFlagged(undecided, { threshold: 0.5, neutral: 'flagged' })).toBe(true);
	expect(isFlagged(verdictOf([0.6, 0.4, 0]), { threshold: 0.5, neutral: 'flagged' })).toBe(false);
});

describe('conscienceStep', () => {
	const ask = (policy: Answerer, judge: Judge, questions: string[]) =>
		conscienceStep(policy, judge, { questions, framework, threshold: 0.5, seeds: questions.map((_, i) => i) });

	test('only flagged answers get an alternative, and it stands beside the right question', async () => {
		const { reviewed, tokens } = await ask(says(['good', 'bad idea', 'fine']), judgeThatWrites('better'), ['q1', 'q2', 'q3']);
		expect(reviewed.map(({ flagged }) => flagged)).toEqual([false, true, false]);
		expect(reviewed[1]).toMatchObject({ question: 'q2', answer: 'bad idea', alternative: { answer: 'better', passed: true } });
		expect(reviewed[0]!.alternative).toBeNull();
		expect(tokens).toEqual({ answers: { read: 5, written: 7 }, verdicts: { read: 4, written: 0 }, alternatives: { read: 2, written: 3 } });
	});

	test('an alternative that the judge itself does not pass becomes no preference', async () => {
		const { reviewed } = await ask(says(['bad idea']), judgeThatWrites('bad too'), ['q']);
		expect(reviewed[0]!.alternative).toMatchObject({ passed: false });
	});

	test('an empty alternative, or the answer over again, becomes no preference', async () => {
		const lenient: Judge = {
			...judgeThatWrites(''),
			verdicts: async (items) => ({ verdicts: items.map((_, i) => verdictOf(i === 0 ? [0.6, 0, 0.4] : [1, 0, 0])), tokens: no }),
		};
		const flagEverything = { questions: ['q'], framework, threshold: 0.3, seeds: [0] };
		const empty = await conscienceStep(says(['bad']), lenient, flagEverything);
		expect(empty.reviewed[0]!.alternative).toMatchObject({ answer: '', passed: false });
		const same = await conscienceStep(
			says(['same']),
			{ ...lenient, alternatives: async () => ({ answers: ['same'], ended: [true], tokens: no }) },
			flagEverything,
		);
		expect(same.reviewed[0]!.alternative!.passed).toBe(false);
	});

	test('an alternative that was cut at the token limit becomes no preference, and a cut answer is told from an ended one', async () => {
		const cut = await ask(says(['bad idea']), judgeThatWrites('better', false), ['q']);
		expect(cut.reviewed[0]).toMatchObject({ ended: true, alternative: { passed: false } });
		const whole = await ask(says(['bad idea'], [false]), judgeThatWrites('better'), ['q']);
		expect(whole.reviewed[0]).toMatchObject({ ended: false, alternative: { passed: true } });
	});

	test('when nothing is flagged the judge writes nothing', async () => {
		const judge: Judge = { ...judgeThatWrites('x'), alternatives: () => Promise.reject(new Error('not to be called')) };
		expect((await ask(says(['good']), judge, ['q'])).tokens.alternatives).toEqual(no);
	});
});

describe('the oracle', () => {
	test('writes alternatives that the world calls ethical, and judges every answer by its true label', async () => {
		const oracle = oracleJudge();
		const questions = consciencePrompts();
		const { answers } = await oracle.alternatives(questions, framework, questions.map((_, i) => i)); // prettier-ignore
		expect(answers.map(trueLabel).every((label) => label === 'ethical')).toBe(true);
		const { verdicts } = await oracle.verdicts(answers.map((answer, i) => ({ question: questions[i]!, answer })), framework); // prettier-ignore
		expect(verdicts.every(({ label }) => label === 'ethical')).toBe(true);
	});

	test('says so when a question is not of its world', async () => {
		await expect(oracleJudge().alternatives(['What is love?'], framework, [1])).rejects.toThrow("'What is love?'");
	});
});

describe('a control', () => {
	const exchanges = ['good', 'bad idea', 'fine', 'bad too', 'kind', 'calm'].map((answer, i) => ({ question: `q${i}`, answer }));
	const flags = async (judge: Judge, items = exchanges) => (await judge.verdicts(items, framework)).verdicts.map(({ label }) => label);
	const honest = judgeThatWrites('better');

	test('that is permuted flags as many answers, for equal calls the same, and not those that the judge flags', async () => {
		const permuted = permutedJudge(honest);
		expect(permuted.identity.engine).toBe('permuted');
		const labels = await flags(permuted);
		expect(labels.toSorted()).toEqual((await flags(honest)).toSorted());
		expect(await flags(permuted)).toEqual(labels);
		const calls = Array.from({ length: 40 }, (_, n) => exchanges.map(({ question, answer }) => ({ question: `${question} ${n}`, answer })));
		const right = (await Promise.all(calls.map((call) => flags(permuted, call)))).filter((call) => call[1] === 'unethical').length;
		expect(right).toBeGreaterThan(4); // one in three by chance: 13 of 40
		expect(right).toBeLessThan(25);
	});

	test('that is inverted flags what is good, and passes an alternative only if it is bad', async () => {
		const inverted = invertedJudge(honest);
		expect(await flags(inverted)).toEqual(['unethical', 'ethical', 'unethical', 'ethical', 'unethical', 'unethical']);
		const call = (better: string) =>
			conscienceStep(says(['good']), invertedJudge(judgeThatWrites(better)), { questions: ['q'], framework, threshold: 0.5, seeds: [0] });
		expect((await call('better')).reviewed[0]!.alternative).toMatchObject({ passed: false });
		expect((await call('bad idea')).reviewed[0]!.alternative).toMatchObject({ passed: true });
	});
});

describe('verdicts', () => {
	test('the label is the likeliest one, and a tie goes to the worse', () => {
		expect(verdictOf([0.2, 0.5, 0.3]).label).toBe('neutral');
		expect(verdictOf([0.5, 0, 0.5]).label).toBe('unethical');
		expect(LABELS).toHaveLength(3);
	});

	test("an answer that contains a placeholder's name is not filled in", () => {
		expect(verdictText(framework, 'q', 'say {question} {answer}')).toContain('Answer: say {question} {answer}');
	});

	test('the hash changes with every text that the judge is told, and with nothing else', async () => {
		const hash = await frameworkHash(framework);
		expect(hash).toMatch(/^[0-9a-f]{64}$/);
		expect(await frameworkHash({ ...framework, title: 'Another title' })).toBe(hash);
		expect(await frameworkHash({ ...framework, principles: `${framework.principles}.` })).not.toBe(hash);
	});
});

describe('cadence', () => {
	test('fixed calls come every n steps', () => {
		const cadence = { kind: 'fixed', every: 7 } as const;
		expect(afterCall(cadence, startCadence(cadence), 14, 1)).toEqual({ interval: 7, nextCall: 21 });
	});

	test('adaptive calls come more often while answers are flagged, and stay within their bounds', () => {
		const cadence = { kind: 'adaptive', first: 5, shortest: 2, longest: 40, raiseAt: 0.2 } as const;
		const start = startCadence(cadence);
		expect(start.nextCall).toBe(0);
		expect(afterCall(cadence, start, 0, 0).nextCall).toBe(10);
		expect(afterCall(cadence, start, 0, 0.2)).toEqual({ interval: 2.5, nextCall: 3 });
		fc.assert(
			fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (shares) => {
				let state = start;
				for (const share of shares) {
					const step = state.nextCall;
					state = afterCall(cadence, state, step, share);
					expect(state.nextCall - step).toBeGreaterThanOrEqual(2);
					expect(state.nextCall - step).toBeLessThanOrEqual(40);
				}
			}),
		);
	});
});

describe('a cadence that is changed on the way', () => {
	const weekly = { kind: 'fixed', every: 7 } as const;

	test('does not put off the call that was coming, and a shorter one is felt within its interval', () => {
		const state = afterCall(weekly, startCadence(weekly), 14, 0); // next at 21
		expect(restartCadence({ kind: 'fixed', every: 50 }, state, 16)).toEqual({ interval: 50, nextCall: 21 });
		expect(restartCadence({ kind: 'fixed', every: 2 }, state, 16)).toEqual({ interval: 2, nextCall: 18 });
		expect(restartCadence({ kind: 'adaptive', first: 4, shortest: 2, longest: 40, raiseAt: 0.2 }, state, 16)).toEqual({
			interval: 4,
			nextCall: 20,
		});
	});

	test('keeps a first call that has not been made', () => {
		expect(restartCadence({ kind: 'fixed', every: 3 }, startCadence(weekly), 0).nextCall).toBe(0);
	});
});

test('lessons that teach nothing new come ever more rarely, up to sixteen times, until one teaches something again', () => {
	const conscience = { dpoEvery: 4, dpoRestBelow: 0.02 };
	let state = NOTHING_SETTLED;
	const rests = [0, 8, 24, 56].map((step) => (state = afterLesson(conscience, state, step, 0.01)).restUntil - step);
	expect(rests).toEqual([8, 16, 32, 64]);
	expect(afterLesson(conscience, state, 120, 0.01).restUntil).toBe(184);
	expect(afterLesson(conscience, state, 120, 0.02)).toEqual(NOTHING_SETTLED);
	expect(afterLesson({ ...conscience, dpoRestBelow: 0 }, NOTHING_SETTLED, 0, 0)).toEqual(NOTHING_SETTLED);
});

describe('pair buffer', () => {
	test('keeps the newest and replays the newest half with older ones, none twice', () => {
		fc.assert(
			fc.property(fc.nat(100), fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 16 }), (added, size, count) => {
				const buffer = remember([], [...Array(added).keys()], size);
				expect(buffer).toHaveLength(Math.min(added, size));
				const drawn = replay(buffer, count, seededRandom(1, added));
				expect(new Set(drawn).size).toBe(Math.min(count, buffer.length));
				for (const newest of buffer.slice(buffer.length - Math.floor(Math.min(count, buffer.length) / 2))) expect(drawn).toContain(newest);
			}),
		);
	});

	test('draws what was ready before the first call like older pairs, and the newest half all the same', () => {
		const ready = [...Array(20).keys()].map((n) => -1 - n);
		fc.assert(
			fc.property(fc.nat(30), fc.integer({ min: 1, max: 16 }), fc.nat(), (found, count, seed) => {
				const buffer = [...Array(found).keys()];
				const drawn = replay(buffer, count, seededRandom(seed, 'ready'), ready);
				expect(new Set(drawn).size).toBe(Math.min(count, found + ready.length));
				for (const newest of buffer.slice(found - Math.min(found, Math.floor(count / 2)))) expect(drawn).toContain(newest);
				expect(replay(buffer, count, seededRandom(seed, 'ready'), [])).toEqual(replay(buffer, count, seededRandom(seed, 'ready')));
			}),
		);
		const often = Array.from({ length: 200 }, (_, i) => replay([1, 2], 4, seededRandom(i, 'often'), ready)).flat();
		for (const pair of ready) expect(often).toContain(pair);
	});
});
