/** A judge that is asked only about what a memory does not know. */
import { beforeEach, describe, expect, it } from 'vitest';

import { FRAMEWORKS, frameworkHash } from '$lib/conscience/frameworks';
import { type Asked, certain, type Exchange, type Judge } from '$lib/conscience/judge';
import type { Recalled } from '$lib/conscience/memory';
import { rememberingJudge } from '$lib/conscience/rememberingJudge';

import { trajectory } from './trajectories';

const [framework, other] = FRAMEWORKS as [(typeof FRAMEWORKS)[number], (typeof FRAMEWORKS)[number]];
const REVISION = 'f'.repeat(64);

async function recalled(values: [number, number], fields: Parameters<typeof trajectory>[0] & Partial<Recalled> = {}): Promise<Recalled> {
	const { contributor = 'ann', agreed = 'unethical', alternativeAgreed = false, benefits = [], ...texts } = fields;
	const one = await trajectory({ frameworkHash: await frameworkHash(framework), ...texts, values });
	return { ...one, contributor, agreed, alternativeAgreed, benefits, depositedAt: 0 };
}

let asked: Asked[] = [];
let written: string[] = [];
const judge: Judge = {
	identity: { engine: 'oracle', model: 'test', revision: 'x' },
	async verdicts(items) {
		asked.push(...items);
		return { verdicts: items.map(() => certain('neutral')), tokens: { read: 10 * items.length, written: 0 } };
	},
	async alternatives(questions) {
		written.push(...questions);
		const answers = questions.map((question) => `better: ${question}`);
		return { answers, ended: answers.map(() => true), tokens: { read: 5 * questions.length, written: 7 * questions.length } };
	},
};
/** The state of an answer is what it says: 'at 30' lies at 30 degrees. */
const read = async (exchanges: readonly Exchange[]) => ({
	states: exchanges.map(({ answer }) => {
		const angle = (Number(answer.replace('at ', '')) * Math.PI) / 180;
		return { revision: REVISION, values: Float32Array.of(Math.cos(angle), Math.sin(angle)) };
	}),
	tokens: 3 * exchanges.length,
});
const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180);
const USES = { skip: true, skipAt: cos(10), examples: 0 };

beforeEach(() => {
	[asked, written] = [[], []];
});

describe('a judge with a memory', () => {
	it('takes over what was agreed on of the same words and of what is alike, says from whom, and asks about the rest', async () => {
		const same = await recalled([0, 1], { question: 'q', answer: 'at 80', agreed: 'ethical', contributor: 'bob' });
		const alike = await recalled([1, 0], { question: 'p', answer: 'other words' });
		const remembering = rememberingJudge(judge, [same, alike], USES, read);
		const items = [{ question: ' q', answer: 'at 80 ' }, { question: 'q', answer: 'at 9' }, { question: 'q', answer: 'at 45' }]; // prettier-ignore
		const { verdicts, tokens } = await remembering.verdicts(items, framework);
		expect(verdicts).toEqual([
			{ ...certain('ethical'), by: 'memory', contributor: 'bob' }, // the judge had said otherwise: what was agreed on is certain
			{ label: 'unethical', probabilities: alike.verdict.probabilities, by: 'memory', contributor: 'ann' },
			certain('neutral'),
		]);
		expect(asked).toEqual([items[2]]);
		expect(tokens).toEqual({ read: 10 + 2 * 3, written: 0 });
		expect(remembering.used()).toEqual({ same: 1, alike: 1, judged: 1, alternatives: 0, written: 0, stateTokens: 6 });
	});

	it('knows nothing of another framework, and of states of another model only the same words', async () => {
		const known = await recalled([1, 0], { question: 'q', answer: 'at 0' });
		const strange = { ...known, state: { ...known.state, revision: 'e'.repeat(64) } };
		const item = { question: 'q', answer: 'at 0' };
		const verdictBy = async (memory: Recalled[], by = framework, of: Exchange = item) =>
			(await rememberingJudge(judge, memory, USES, read).verdicts([of], by)).verdicts[0]!.by;
		expect(await verdictBy([known], other)).toBeUndefined();
		expect(await verdictBy([strange])).toBe('memory');
		expect(await verdictBy([strange], framework, { ...item, answer: 'at 1' })).toBeUndefined();
		expect(await verdictBy([known], framework, { ...item, answer: 'at 1' })).toBe('memory');
	});

	it('reads no states where only the same words count, and takes nothing over where it is not to skip', async () => {
		const known = await recalled([1, 0], { question: 'q', answer: 'at 0' });
		const items = [{ question: 'q', answer: 'at 0' }, { question: 'q', answer: 'at 1' }]; // prettier-ignore
		const exact = rememberingJudge(judge, [known], { ...USES, skipAt: 1 }, () => Promise.reject(new Error('read')));
		expect((await exact.verdicts(items, framework)).verdicts.map(({ by }) => by)).toEqual(['memory', undefined]);
		const never = rememberingJudge(judge, [known], { ...USES, skip: false }, () => Promise.reject(new Error('read')));
		expect((await never.verdicts(items, framework)).verdicts.map(({ by }) => by)).toEqual([undefined, undefined]);
	});

	it('of what is alike prefers what was of use elsewhere', async () => {
		const near = await recalled([cos(2), Math.sin(Math.PI / 90)], { question: 'p', answer: 'a', agreed: 'ethical' });
		const far = await recalled([1, 0], { question: 'p', answer: 'b' });
		const measured = { ...far, benefits: [1, 1].map((value, i) => ({ id: far.id, contributor: 'ann', measuredBy: 'bob', question: `m${i}`, value })) }; // prettier-ignore
		const label = async (memory: Recalled[], question: string) =>
			(await rememberingJudge(judge, memory, USES, read).verdicts([{ question, answer: 'at 2' }], framework)).verdicts[0]!.label;
		expect(await label([near, far], 'q')).toBe('ethical');
		expect(await label([near, measured], 'q')).toBe('unethical');
	});

	it('takes alternatives to the same question that were agreed on, the same for the same seed, and knows them for ethical', async () => {
		const better = (answer: string) => ({ answer, verdict: certain('ethical') });
		const memory = await Promise.all([
			recalled([1, 0], { question: 'q', answer: 'a', alternative: better('kind'), alternativeAgreed: true }),
			recalled([1, 0], { question: 'q', answer: 'b', alternative: better('doubtful') }),
		]);
		const remembering = rememberingJudge(judge, memory, USES, read);
		const found = await remembering.alternatives(['p', ' q'], framework, [1, 2]);
		expect(found).toEqual({ answers: ['better: p', 'kind'], ended: [true, true], tokens: { read: 5, written: 7 } });
		expect(written).toEqual(['p']);
		const { verdicts } = await remembering.verdicts([{ question: 'q', answer: 'kind' }], framework);
		expect(verdicts).toEqual([{ ...certain('ethical'), by: 'memory', contributor: 'ann' }]);
		expect(remembering.used()).toMatchObject({ alternatives: 1, written: 1, same: 1, judged: 0 });
	});

	it('tells the judge of the nearest, no more than two of one contributor', async () => {
		const memory = await Promise.all([
			recalled([cos(1), Math.sin(Math.PI / 180)], { question: 'p', answer: 'a' }),
			recalled([cos(20), Math.sin(Math.PI / 9)], { question: 'p', answer: 'b', agreed: 'ethical' }),
			recalled([1, 0], { question: 'p', answer: 'c' }),
			recalled([0, 1], { question: 'p', answer: 'd', agreed: 'neutral', contributor: 'bob' }),
		]);
		const remembering = rememberingJudge(judge, memory, { skip: false, skipAt: 1, examples: 3 }, read);
		await remembering.verdicts([{ question: 'q', answer: 'at 0' }], framework);
		expect(asked).toEqual([
			{
				...{ question: 'q', answer: 'at 0' },
				like: [{ question: 'p', answer: 'c', label: 'unethical' }, { question: 'p', answer: 'a', label: 'unethical' }, { question: 'p', answer: 'd', label: 'neutral' }], // prettier-ignore
			},
		]);
	});
});
