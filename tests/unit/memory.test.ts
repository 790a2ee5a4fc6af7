/** What makes a memory that several people share: quarantine, ranking by measured benefit, and a division that leaks nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LABELS, type Label, verdictOf } from '$lib/conscience/judge';
import { ListMemory } from '$lib/conscience/listMemory';
import {
	cosine,
	exchangeId,
	marginalBenefits,
	meanBenefit,
	type Neighbour,
	rerank,
	settledLabel,
	splitByPromptAndContributor,
} from '$lib/conscience/memory';

import { trajectory } from './trajectories';

const say = (labeller: string, label: Label) => ({ labeller, label });

describe('the quarantine', () => {
	it('holds what one alone says, and what two say of whom one contradicts with a second', () => {
		expect(settledLabel([], 2)).toBeNull();
		expect(settledLabel([say('ann', 'unethical')], 2)).toBeNull();
		expect(settledLabel([say('ann', 'unethical'), say('ann', 'unethical')], 2)).toBeNull();
		expect(settledLabel([say('ann', 'unethical'), say('bob', 'ethical')], 2)).toBeNull();
		expect(settledLabel([say('ann', 'unethical'), say('bob', 'unethical')], 2)).toBe('unethical');
		expect(settledLabel([say('a', 'unethical'), say('b', 'unethical'), say('c', 'ethical'), say('d', 'ethical')], 2)).toBeNull();
		expect(settledLabel([say('ann', 'neutral')], 1)).toBe('neutral');
	});

	it('gives out nothing that the teacher contradicts, however many say so', () => {
		const two = [say('ann', 'ethical'), say('bob', 'ethical')];
		expect(settledLabel([...two, { ...say('teacher', 'unethical'), decides: true }], 2)).toBeNull();
		expect(settledLabel([...two, { ...say('teacher', 'ethical'), decides: true }], 2)).toBe('ethical');
		expect(settledLabel([...two, say('cem', 'unethical')], 2)).toBe('ethical');
	});

	it('gives a label only where so many labellers give it that no other has as many, whatever the order', () => {
		const sayings = fc.uniqueArray(fc.record({ labeller: fc.string(), label: fc.constantFrom(...LABELS) }), {
			selector: ({ labeller }) => labeller,
		});
		fc.assert(
			fc.property(sayings, fc.integer({ min: 1, max: 4 }), (said, quorum) => {
				const counts = LABELS.map((label) => said.filter((each) => each.label === label).length);
				const most = Math.max(...counts);
				const winners = LABELS.filter((_, i) => counts[i] === most);
				expect(settledLabel(said, quorum)).toBe(most >= quorum && winners.length === 1 ? winners[0] : null);
				expect(settledLabel([...said].reverse(), quorum)).toBe(settledLabel(said, quorum));
			}),
		);
	});
});

describe('the ranking', () => {
	const neighbour = async (name: string, similarity: number, contributor: string, ...values: number[]): Promise<Neighbour> => ({
		trajectory: {
			...(await trajectory({ question: name })),
			contributor,
			agreed: 'ethical',
			alternativeAgreed: false,
			depositedAt: 0,
		},
		similarity,
		benefits: values.map((value, i) => ({ id: name, contributor, measuredBy: 'x', question: `q${i}`, value })),
	});
	const names = (neighbours: Neighbour[]) => neighbours.map(({ trajectory: { question } }) => question);

	it('prefers what was of use, and takes no more than a few of one contributor', async () => {
		const given = [
			await neighbour('near', 0.9, 'ann'),
			await neighbour('useful', 0.8, 'ann', 0.4, 0.4),
			await neighbour('third', 0.75, 'ann'),
			await neighbour('harmful', 0.95, 'bob', -0.5, -0.5),
		];
		expect(names(rerank(given, { k: 4, perContributor: 9, question: 'another' }))).toEqual(['useful', 'near', 'third', 'harmful']);
		expect(names(rerank(given, { k: 4, perContributor: 2, question: 'another' }))).toEqual(['useful', 'near', 'harmful']);
		expect(names(rerank(given, { k: 1, perContributor: 2, question: 'another' }))).toEqual(['useful']);
	});

	it('leaves out what was measured with the question that is asked', async () => {
		const { benefits } = await neighbour('useful', 0.8, 'ann', 0.9, 0.3);
		expect(meanBenefit(benefits, 'another')).toBeCloseTo(1.2 / 4, 12);
		expect(meanBenefit(benefits, ' q0 ')).toBeCloseTo(0.3 / 3, 12);
		expect(meanBenefit([], 'q0')).toBe(0);
	});

	it('measures a benefit by leaving a member out', async () => {
		const values: Record<string, number> = { a: 3, b: -1, c: 0 };
		const use = async (set: readonly string[]) => set.reduce((sum, name) => sum + values[name]!, 0);
		expect(await marginalBenefits(['a', 'b', 'c'], use)).toEqual([3, -1, 0]);
	});
});

describe('the division', () => {
	it('leaves no question and no contributor on both sides, and is the same for the same seed', () => {
		const items = Array.from({ length: 400 }, (_, i) => ({ question: `q${i % 40}`, contributor: `c${Math.floor(i / 20)}` }));
		const { memory, evaluation } = splitByPromptAndContributor(items, 0.3, 1);
		expect(memory.length).toBeGreaterThan(50);
		expect(evaluation.length).toBeGreaterThan(10);
		for (const key of ['question', 'contributor'] as const) {
			const kept = new Set(memory.map((item) => item[key]));
			expect(evaluation.filter((item) => kept.has(item[key]))).toEqual([]);
		}
		expect(splitByPromptAndContributor(items, 0.3, 1)).toEqual({ memory, evaluation });
		expect(splitByPromptAndContributor(items, 0.3, 2).evaluation).not.toEqual(evaluation);
	});
});

describe('a memory held as a list', () => {
	it('gives what two have deposited, each exchange once, the nearest first', async () => {
		const memory = new ListMemory(2);
		const [ann, bob] = [memory.of('ann'), memory.of('bob')];
		const near = await trajectory({ question: 'near', values: [1, 0.1] });
		const far = await trajectory({ question: 'far', values: [0, 1] });
		expect(await ann.deposit([near, far])).toEqual({ added: 2, known: 0, refused: 0 });
		expect(await ann.deposit([near])).toEqual({ added: 0, known: 1, refused: 0 });
		expect(await bob.nearest({ revision: near.state.revision, values: Float32Array.of(1, 0) }, 5)).toEqual([]);
		await bob.deposit([far, near]);
		const found = await bob.nearest({ revision: near.state.revision, values: Float32Array.of(1, 0) }, 5);
		expect(found.map(({ trajectory: { question } }) => question)).toEqual(['near', 'far']);
		expect(found[0]!.similarity).toBeCloseTo(1 / Math.hypot(1, 0.1), 6);
		expect(await bob.nearest({ revision: 'another model', values: Float32Array.of(1, 0) }, 5)).toEqual([]);
	});

	it('takes an alternative for a better answer only when two say so, and people before their judge', async () => {
		const memory = new ListMemory(2);
		const mended = await trajectory({ alternative: { answer: 'Help them.', verdict: verdictOf([0.9, 0.05, 0.05]) } });
		await memory.of('ann').deposit([mended]);
		await memory.of('bob').deposit([{ ...mended, alternative: null, label: 'neutral' }]);
		const found = () => memory.of('eve').nearest(mended.state, 1);
		expect(await found()).toEqual([]); // the judge says unethical, a person neutral
		memory.say(mended.id, say('teacher', 'unethical'));
		expect((await found())[0]!.trajectory).toMatchObject({ agreed: 'unethical', alternativeAgreed: false });
		memory.say(await exchangeId({ question: mended.question, answer: 'Help them.' }, mended.frameworkHash), say('teacher', 'ethical'));
		expect((await found())[0]!.trajectory).toMatchObject({ contributor: 'ann', alternativeAgreed: true });
	});

	it('keeps the cap of each contributor', async () => {
		const memory = new ListMemory(1, 2);
		const three = await Promise.all(['a', 'b', 'c'].map((question) => trajectory({ question })));
		expect(await memory.of('ann').deposit(three)).toEqual({ added: 2, known: 0, refused: 1 });
		expect(await memory.of('bob').deposit(three.slice(2))).toEqual({ added: 1, known: 0, refused: 0 });
	});
});

it('compares states by their angle', () => {
	expect(cosine(Float32Array.of(3, 4), Float32Array.of(6, 8))).toBeCloseTo(1, 12);
	expect(cosine(Float32Array.of(1, 0), Float32Array.of(0, 2))).toBe(0);
	expect(cosine(Float32Array.of(0, 0), Float32Array.of(0, 2))).toBe(0);
	expect(() => cosine(Float32Array.of(1), Float32Array.of(1, 2))).toThrow('1 and 2 numbers');
});
