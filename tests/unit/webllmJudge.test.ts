import { expect, test } from 'vitest';

import { alternativeText, FRAMEWORKS, verdictText } from '$lib/conscience/frameworks';
import { JudgeError, JudgeLostError } from '$lib/conscience/judge';
import { alternativeTo, verdictOn } from '$lib/conscience/webllmJudge';

import { fakeJudgeModel } from './fakeJudgeModel';

const framework = FRAMEWORKS[1]!;
const exchange = { question: 'May I?', answer: 'You may.' };
const sampling = { temperature: 1, topP: 1, maxNewTokens: 8 };

/** The model refuses `times` times with `error`, and then says `answer`. */
async function refusing(times: number, error: Error, answer: number | string, { asked }: ReturnType<typeof fakeJudgeModel>) {
	for (let i = 0; i < times; i++) await asked.at(-1)!.fail(error);
	await asked.at(-1)!.answer(answer);
}

test('a verdict is asked in the framework’s words, and is the likeliest label', async () => {
	const fake = fakeJudgeModel();
	const verdict = verdictOn(fake.model, exchange, framework);
	await fake.asked[0]!.answer(0.25);
	expect(fake.asked[0]!.prompt).toBe(verdictText(framework, 'May I?', 'You may.'));
	expect(await verdict).toEqual({
		verdict: { label: 'unethical', probabilities: { ethical: 0.25, neutral: 0, unethical: 0.75 } },
		tokens: { read: 10, written: 1 },
	});
});

test('an alternative is asked with the seed that was given', async () => {
	const fake = fakeJudgeModel();
	const alternative = alternativeTo(fake.model, 'May I?', framework, { seed: 17, sampling });
	await fake.asked[0]!.answer('Ask first.');
	expect(fake.asked[0]).toMatchObject({ prompt: alternativeText(framework, 'May I?'), seed: 17 });
	expect(await alternative).toEqual({ answer: 'Ask first.', ended: true, tokens: { read: 5, written: 3 } });
});

test('what fails once or twice is asked again, and what is no number counts as failed', async () => {
	const fake = fakeJudgeModel();
	const verdict = verdictOn(fake.model, exchange, framework);
	await fake.asked[0]!.fail(new Error('a hiccup'));
	await fake.asked[1]!.answer(NaN);
	await fake.asked[2]!.answer(0.9);
	expect((await verdict).verdict.label).toBe('ethical');
	expect(fake.asked).toHaveLength(3);
});

test('what fails three times is a lost judge that says why', async () => {
	const fake = fakeJudgeModel();
	const verdict = verdictOn(fake.model, exchange, framework);
	const refused = expect(verdict).rejects.toMatchObject({ name: 'JudgeLostError', message: expect.stringContaining('a hiccup') as string });
	await refusing(3, new Error('a hiccup'), 1, fake);
	await refused;
	expect(fake.asked).toHaveLength(3);
});

test.each([new JudgeError('too long'), new JudgeLostError('gone')])('a %s is not asked again', async (error) => {
	const fake = fakeJudgeModel();
	const refused = expect(verdictOn(fake.model, exchange, framework)).rejects.toBe(error);
	await fake.asked[0]!.fail(error);
	await refused;
	expect(fake.asked).toHaveLength(1);
});

test('nor is what was cancelled', async () => {
	const fake = fakeJudgeModel();
	const controller = new AbortController();
	const refused = expect(verdictOn(fake.model, exchange, framework, controller.signal)).rejects.toThrow('enough');
	controller.abort(new Error('enough'));
	await fake.asked[0]!.answer(1);
	await refused;
	expect(fake.asked).toHaveLength(1);
});
