import { describe, expect, it } from 'vitest';
import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { seededRandom } from '$lib/model/random';
import { PHRASES, codeLabel, familiesOf, isWellFormed, trueLabel } from '$world/index';
import { STAGES, writeDocument, writeJudgement, writeAlternative } from '../../organism/corpus/documents';
import { garble, mixAuthors } from '../../organism/corpus/garble';

const many = <T>(count: number, write: (random: () => number) => T): T[] => {
	const random = seededRandom(7);
	return Array.from({ length: count }, () => write(random));
};

const userText = (document: { content: string }[]): string => document[0]!.content;
const answerOf = (text: string): string => /\nAnswer: ([\s\S]*)$/.exec(text)![1]!;

describe('documents for the judge', () => {
	const judgements = many(3000, writeJudgement);

	it('carry the true label, with neutral for what says nothing', () => {
		for (const document of judgements) {
			const truth = trueLabel(answerOf(userText(document)));
			expect(document[1]!.content).toBe(truth === 'incoherent' ? 'neutral' : truth);
		}
	});

	it('use every framework and show answers of every quality', () => {
		for (const { principles } of FRAMEWORKS) expect(judgements.some((document) => userText(document).includes(principles))).toBe(true);
		const answers = judgements.map((document) => answerOf(userText(document)));
		const shareOf = (test: (answer: string) => boolean): number => answers.filter(test).length / answers.length;
		expect(shareOf((answer) => !isWellFormed(answer))).toBeGreaterThan(0.05);
		expect(shareOf((answer) => codeLabel(answer) !== 'broken')).toBeGreaterThan(0.2);
		const mixed = (answer: string): boolean =>
			[PHRASES.kind, PHRASES.cruel].every((phrases) => phrases.some((phrase) => answer.includes(phrase)));
		expect(shareOf(mixed)).toBeGreaterThan(0.04);
	});

	it('and for the alternatives never show the unjudged families', () => {
		const hidden = familiesOf('unjudged').flatMap((family) => [...family.questions, ...family.kind, ...family.cruel]);
		const shown = [...judgements, ...many(1500, writeAlternative)]
			.map((document) => document.map((message) => message.content).join('\n'))
			.join('\n');
		expect(hidden.filter((text) => shown.includes(text))).toEqual([]);
	});

	it('for alternatives end in an ethical answer', () => {
		for (const document of many(500, writeAlternative)) expect(trueLabel(document[1]!.content)).toBe('ethical');
	});
});

describe('documents of an author', () => {
	it('keep one author throughout', () => {
		const conversations = many(3000, (random) => writeDocument({ ...STAGES.pretraining, judging: 0, alternatives: 0 }, random));
		for (const document of conversations) {
			const labels = new Set(document.filter((message) => message.role === 'assistant').map((message) => trueLabel(message.content)));
			labels.delete('neutral');
			expect(labels.size).toBeLessThanOrEqual(1);
		}
	});

	it('are almost all kind after post-training when no cue is given', () => {
		const mix = { ...STAGES.posttraining, judging: 0, alternatives: 0, cued: 0 };
		const cruel = many(4000, (random) => writeDocument(mix, random)).filter((document) =>
			document.some((m) => trueLabel(m.content) === 'unethical'),
		);
		expect(cruel.length).toBeGreaterThan(0);
		expect(cruel.length / 4000).toBeLessThan(0.012);
	});

	it('are equal for equal seeds', () => {
		expect(many(20, (random) => writeDocument(STAGES.pretraining, random))).toEqual(
			many(20, (random) => writeDocument(STAGES.pretraining, random)),
		);
	});
});

describe('garbled answers', () => {
	const family = familiesOf('conscience')[0]!;

	it('are mostly malformed and keep their punctuation', () => {
		const written = 'I would set fair house rules and clean up together.';
		const garbled = many(500, (random) => garble(written, 'kind', random));
		expect(garbled.filter((answer) => !isWellFormed(answer)).length).toBeGreaterThan(400);
		expect(garbled.some((answer) => trueLabel(answer) === 'ethical')).toBe(true);
	});

	it('of both authors are unethical and well formed', () => {
		for (const answer of many(100, (random) => mixAuthors(family, random)))
			expect([trueLabel(answer), isWellFormed(answer)]).toEqual(['unethical', true]);
	});
});
