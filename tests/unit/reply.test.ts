import { describe, expect, test } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { type Judge, verdictOf } from '$lib/conscience/judge';
import { type Draft, type ReplyStandards, type ReviewEvent, reviewReplies } from '$lib/conscience/reply';

const standards: ReplyStandards = { framework: FRAMEWORKS[0]!, threshold: 0.5, attempts: 3 };
const draftOf = (answer: string, question = 'q'): Draft => ({ question, answer, ended: true, cost: { read: 4, written: 2, ms: 1 } });

/** A judge that finds 'bad…' unethical, 'so so' neutral and all else ethical, and writes what it is told for each seed. */
function fakeJudge(written: (seed: number, question: string) => string, ended = true) {
	const asked: string[] = [];
	const judge: Judge = {
		identity: { engine: 'imported', model: 'test', revision: '0' },
		verdicts: async (items) => {
			asked.push(`verdicts ${items.map(({ answer }) => answer).join()}`);
			const probabilities = (answer: string) =>
				answer.startsWith('bad') ? [0.1, 0.1, 0.8] : answer === 'so so' ? [0.2, 0.6, 0.2] : [0.9, 0.05, 0.05];
			return { verdicts: items.map(({ answer }) => verdictOf(probabilities(answer))), tokens: { read: 10 * items.length, written: 0 } };
		},
		alternatives: async (questions, _, seeds) => {
			asked.push(`alternatives ${seeds.join()}`);
			const answers = questions.map((question, i) => written(seeds[i]!, question));
			return {
				answers,
				ended: answers.map(() => ended),
				tokens: { read: 6 * questions.length, written: 3 * questions.length },
			};
		},
	};
	return { judge, asked };
}

const reply = async (answer: string, written: (seed: number) => string, more: Partial<ReplyStandards> = {}, ended = true) => {
	const { judge, asked } = fakeJudge(written, ended);
	const events: ReviewEvent[] = [];
	const told = (event: ReviewEvent) => events.push(event);
	const [made] = await reviewReplies(judge, [draftOf(answer)], { reviews: [true], seeds: [7] }, { ...standards, ...more }, told);
	return { reply: made!, asked, events };
};

describe('a reply', () => {
	test('whose draft passes is that draft, with the verdict and the very prompt that the judge read', async () => {
		const { reply: made, asked } = await reply('good', () => 'never');
		expect(made).toMatchObject({ outcome: 'accepted', shown: 'good', alternatives: [], review: { flagged: false } });
		expect(made.review!.asked).toContain('Answer: good');
		expect(made.review!.verdict.probabilities).toEqual({ ethical: 0.9, neutral: 0.05, unethical: 0.05 });
		expect(asked).toEqual(['verdicts good']);
	});

	test('whose draft is flagged is the alternative that the same judge passes, and the draft is kept', async () => {
		const { reply: made, asked, events } = await reply('bad', () => 'better');
		expect(made).toMatchObject({ outcome: 'replaced', shown: 'better', draft: { answer: 'bad' }, review: { flagged: true } });
		expect(made.alternatives).toHaveLength(1);
		expect(asked).toEqual(['verdicts bad', 'alternatives 7', 'verdicts better']);
		expect(events.map(({ kind }) => kind)).toEqual(['verdict', 'alternative']);
	});

	test('an alternative that is flagged itself is never shown: another is drawn with another seed', async () => {
		const { reply: made, asked } = await reply('bad', (seed) => (seed < 9 ? 'bad again' : 'better'));
		expect(made).toMatchObject({ outcome: 'replaced', shown: 'better' });
		expect(made.alternatives.map(({ passed }) => passed)).toEqual([false, false, true]);
		expect(asked.filter((call) => call.startsWith('alternatives'))).toEqual(['alternatives 7', 'alternatives 8', 'alternatives 9']);
	});

	test('where none passes nothing is shown, and draft and alternatives are kept', async () => {
		const { reply: made } = await reply('bad', () => 'bad again');
		expect(made).toMatchObject({ outcome: 'withheld', shown: null, draft: { answer: 'bad' } });
		expect(made.alternatives).toHaveLength(3);
	});

	test('an alternative that is empty, cut at the limit or only neutral does not pass', async () => {
		expect((await reply('bad', () => '')).reply.outcome).toBe('withheld');
		expect((await reply('bad', () => 'better', {}, false)).reply.outcome).toBe('withheld');
		expect((await reply('bad', () => 'so so')).reply.outcome).toBe('withheld');
	});

	test('that nobody reviews is the draft, whatever it is, and costs no judge', async () => {
		const { judge, asked } = fakeJudge(() => 'better');
		const [made] = await reviewReplies(judge, [draftOf('bad')], { reviews: [false], seeds: [1] }, standards);
		expect(made).toMatchObject({ outcome: 'unreviewed', shown: 'bad', review: null });
		expect(made!.costs.verdicts).toEqual({ read: 0, written: 0, ms: 0 });
		expect(asked).toEqual([]);
	});

	test('is flagged by the line that is asked for: a higher threshold passes it, neutral ones may be flagged', async () => {
		expect((await reply('bad', () => 'better', { threshold: 0.85 })).reply.outcome).toBe('accepted');
		expect((await reply('so so', () => 'better')).reply.outcome).toBe('accepted');
		expect((await reply('so so', () => 'better', { neutral: 'flagged' })).reply.outcome).toBe('replaced');
	});
});

test('in a batch only the flagged ones are mended, each beside its own question, and each bears its share of the cost', async () => {
	const { judge, asked } = fakeJudge((_, question) => `better ${question}`);
	const drafts = [draftOf('good', 'q0'), draftOf('bad', 'q1'), draftOf('bad', 'q2'), draftOf('bad', 'q3')];
	const replies = await reviewReplies(judge, drafts, { reviews: [true, true, false, true], seeds: [1, 2, 3, 4] }, standards);
	expect(replies.map(({ outcome }) => outcome)).toEqual(['accepted', 'replaced', 'unreviewed', 'replaced']);
	expect(replies.map(({ shown }) => shown)).toEqual(['good', 'better q1', 'bad', 'better q3']);
	expect(asked).toEqual(['verdicts good,bad,bad', 'alternatives 2,4', 'verdicts better q1,better q3']);
	expect(replies[0]!.costs).toMatchObject({ verdicts: { read: 10 }, alternatives: { read: 0 } });
	expect(replies[1]!.costs).toMatchObject({ verdicts: { read: 20 }, alternatives: { read: 6, written: 3 } });
	expect(replies.every(({ costs }) => costs.draft.read === 4)).toBe(true);
});

test('nothing reviewed, nothing asked; no drafts, no replies', async () => {
	const { judge, asked } = fakeJudge(() => 'better');
	expect(await reviewReplies(judge, [], { reviews: [], seeds: [] }, standards)).toEqual([]);
	expect(asked).toEqual([]);
});
