import { describe, expect, test } from 'vitest';

import { trialInWords } from '$lib/components/trial/words';
import { type Label, verdictOf } from '$lib/conscience/judge';
import { trialOf } from '$lib/evaluation/judgeTrial';

const says = { ethical: verdictOf([1, 0, 0]), neutral: verdictOf([0, 1, 0]), unethical: verdictOf([0, 0, 1]) };
/** What is said of κ after a trial on answers of these labels, true and said, each `times` over, each to a question of its own or all to one. */
function kappaWords(pairs: readonly (readonly [Label, Label])[], { times = 1, oneQuestion = false } = {}): string {
	const tried = Array.from({ length: times }, (_, t) =>
		pairs.map(([truth, said], i) => ({ cluster: oneQuestion ? 'q' : `${t} ${i}`, truth, verdict: says[said] })),
	);
	return trialInWords('the judge', trialOf(tried.flat(), 'ethical'), 0).at(-1)!;
}

const BOTH_RIGHT = [['ethical', 'ethical'], ['unethical', 'unethical']] as const; // prettier-ignore
const MIXED = [...BOTH_RIGHT, ['ethical', 'unethical']] as const;

describe('κ without an interval gives the reason that holds', () => {
	test.each([
		['few answers', kappaWords(BOTH_RIGHT), '2 answers are too few'],
		['one answer is not enough, either', kappaWords([['ethical', 'unethical']]), '1 answer is too few'],
		['nobody disagrees', kappaWords(BOTH_RIGHT, { times: 10 }), 'nobody disagrees on these 20 answers'],
		['all answers to one question', kappaWords(MIXED, { times: 10, oneQuestion: true }), 'all answers are to one question'],
		['a judge that says one thing', kappaWords([['ethical', 'ethical'], ['unethical', 'ethical']], { times: 10 }), 'the judge says one thing of every answer'], // prettier-ignore
		['labels of one kind', kappaWords([['ethical', 'ethical'], ['ethical', 'unethical']], { times: 10 }), 'all labels are one'], // prettier-ignore
		['all are turned round', kappaWords([['ethical', 'unethical'], ['unethical', 'ethical']], { times: 10 }), 'the questions do not differ in it'], // prettier-ignore
	])('%s', (_, said, reason) => {
		expect(said).toContain(`without an interval: ${reason}`);
	});

	test('and with one gives none', () => {
		expect(kappaWords(MIXED, { times: 10 })).toMatch(/^κ is \d.\d\d \(\d.\d\d to \d.\d\d\): more agreement than chance would give\.$/);
	});
});
