import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LABELS, verdictOf } from '$lib/conscience/judge';
import { cohenKappa } from '$lib/evaluation/agreement';
import { trialOf } from '$lib/evaluation/judgeTrial';
import { readLabels } from '$lib/experiment/labels/read';
import { readAnswers } from '$lib/experiment/labels/readAnswers';
import type { LabelledRow } from '$lib/experiment/labels/sources';
import { decided, distinct, knownRows, sampled, triedOf, worldAnswers, worldRows } from '$lib/experiment/labels/trialAnswers';
import { labelsCsv, labelsJsonl } from '$lib/experiment/labels/write';

const row = (answer: string, label: LabelledRow['label'], labeller?: string): LabelledRow => ({ question: 'q', answer, label, source: 'csv', ...(labeller && { labeller }) }); // prettier-ignore

test('labels that were exported are read again as they were', () => {
	const words = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', 'ß', '=', '1'), maxLength: 10 }).map((text) => `x${text}x`);
	const rows = fc.array(fc.record({ question: words, answer: words, label: fc.constantFrom(...LABELS), labeller: words }), { minLength: 1, maxLength: 10 }); // prettier-ignore
	fc.assert(
		fc.property(rows, (labels) => {
			const csv = readLabels([{ fileName: 'x.csv', text: labelsCsv(labels) }]);
			expect(csv).toEqual({ rows: labels.map((label) => ({ ...label, source: 'csv' })), faults: [] });
			const jsonl = readLabels([{ fileName: 'x.jsonl', text: labelsJsonl(labels) }]);
			expect(jsonl).toEqual({ rows: labels.map((label) => ({ ...label, source: 'jsonl' })), faults: [] });
		}),
	);
});

describe('answers to be labelled', () => {
	test('may come without labels, and what a file of labels says is left aside', () => {
		const answer = [{ question: 'q', answer: 'a' }];
		expect(readAnswers([{ fileName: 'x', text: 'question,answer\nq,a' }])).toEqual({ answers: answer, faults: [] });
		expect(readAnswers([{ fileName: 'x', text: '{"question":"q","answer":"a","label":"ethical"}' }])).toEqual({ answers: answer, faults: [] }); // prettier-ignore
		expect(readAnswers([{ fileName: 'x', text: '{"prompt":"q","response":"a","is_safe":true}' }]).answers).toEqual(answer);
		expect(readAnswers([{ fileName: 'x', text: 'question,answer\n,a\nq,a' }])).toEqual({
			answers: answer,
			faults: [{ fileName: 'x', line: 2, message: 'the question must not be empty' }],
		});
		expect(() => readAnswers([{ fileName: 'x', text: 'a,b\n1,2' }])).toThrow('of no kind that is known');
	});

	test('are each of them one, in an order of chance that is always the same', () => {
		const answers = ['a', 'b', ' a', 'c'].map((answer) => ({ question: 'q', answer }));
		expect(distinct(answers).map(({ answer }) => answer)).toEqual(['a', 'b', 'c']);
		const world = worldAnswers(100);
		expect(distinct(world)).toHaveLength(100);
		expect(sampled(world, 30)).toEqual(sampled(worldAnswers(100), 30));
		expect(sampled(world, 30)).not.toEqual(world.slice(0, 30));
	});

	test('of the world have their true labels, of all three kinds', () => {
		const rows = worldRows(200);
		expect(rows.length).toBeGreaterThan(150);
		expect(new Set(rows.map(({ label }) => label))).toEqual(new Set(LABELS));
	});
});

test('an answer that a run gave twice has one labeller, the world; what can’t be read has none', () => {
	const given = { question: 'q', answer: 'a', trueLabel: 'ethical' as const };
	const rows = knownRows([given, given, { question: 'q', answer: 'xx', trueLabel: 'incoherent' }]);
	expect(decided(rows)).toEqual({
		...{ answers: [{ question: 'q', answer: 'a', truth: 'ethical' }], split: 0 },
		...{ labellers: ['the world'], alpha: null },
	});
});

describe('answers of a set that asks all of them the same', () => {
	const { rows } = readLabels([{ fileName: 'cm.csv', text: `label,input\n${Array.from({ length: 30 }, (_, i) => `${i % 2},story ${i}`).join('\n')}` }]); // prettier-ignore

	test('are each a case of its own: κ and the shares have their intervals', () => {
		const { answers } = decided(rows);
		const tried = triedOf(answers, answers.map((_, i) => verdictOf(i % 5 === 0 ? [0, 0, 1] : [1, 0, 0]))); // prettier-ignore
		const { kappa, sensitivity } = trialOf(tried, 'ethical');
		expect(kappa).toMatchObject({ clusters: 30, ci: [expect.any(Number), expect.any(Number)] });
		expect(sensitivity.effective).toBeCloseTo(15, 10);
		expect(cohenKappa(tried.map(({ truth, verdict }) => ({ cluster: 'one', first: truth, second: verdict.label })))!.ci).toBeNull();
	});

	test('labelled by two, α has its interval, too', () => {
		const two = rows.flatMap((row, i): LabelledRow[] => [{ ...row, labeller: 'ida' }, { ...row, label: i % 7 === 0 ? 'neutral' : row.label, labeller: 'bo' }]); // prettier-ignore
		expect(decided(two).alpha!.nominal).toMatchObject({ clusters: 30, ci: [expect.any(Number), expect.any(Number)] });
	});

	test('those of a set with questions are cases of them', () => {
		const answers = ['a', 'b'].map((answer) => ({ question: 'q', answer, truth: 'ethical' as const }));
		expect(triedOf(answers, [verdictOf([1, 0, 0]), null])).toEqual([{ cluster: 'q', truth: 'ethical', verdict: verdictOf([1, 0, 0]) }]);
	});
});

describe('the truth of an answer', () => {
	test('is what most labellers say; where as many say another thing there is none', () => {
		const { answers, split, labellers, alpha } = decided([
			row('a', 'ethical', 'ida'),
			row('a', 'ethical', 'bo'),
			row('a', 'unethical', 'kim'),
			row('b', 'neutral', 'ida'),
			row('b', 'unethical', 'bo'),
		]);
		expect(answers).toEqual([{ question: 'q', answer: 'a', truth: 'ethical' }]);
		expect([split, labellers]).toEqual([1, ['ida', 'bo', 'kim']]);
		expect(alpha!.nominal!.mean).toBeLessThan(1);
	});

	test('by one labeller is their last word, and there is nobody to agree with', () => {
		const { answers, alpha } = decided([row('a', 'ethical', 'ida'), row('a ', 'unethical', 'ida')]);
		expect(answers).toMatchObject([{ truth: 'unethical' }]);
		expect(alpha).toBeNull();
	});

	test('by people without names is each one’s word: sets of labels repeat an answer for each of its annotators', () => {
		const { answers, labellers } = decided([row('a', 'ethical'), row('a', 'unethical'), row('a', 'ethical'), row('b', 'unethical')]);
		expect(answers.map(({ truth }) => truth)).toEqual(['ethical', 'unethical']);
		expect(labellers).toHaveLength(3);
	});
});
