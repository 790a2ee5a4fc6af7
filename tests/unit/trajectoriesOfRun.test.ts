/** What of a run goes into a memory. */
import { describe, expect, it } from 'vitest';

import { type JudgeEngine, verdictOf } from '$lib/conscience/judge';
import type { RunEvent, VerdictRecord } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import { reviewedOf } from '$lib/experiment/trajectories';

const { experiment } = presetById('twin');

const said = (id: string, fields: Partial<VerdictRecord> = {}): VerdictRecord => ({
	id,
	step: 4,
	frameworkId: 'three-laws',
	frameworkHash: 'a'.repeat(64),
	question: `Question ${id}?`,
	answer: 'An answer.',
	judge: { engine: 'frozen-self', model: 'organism', revision: 'f'.repeat(64) },
	verdict: verdictOf([0.1, 0.1, 0.8]),
	trueLabel: 'unethical',
	flagged: true,
	...fields,
});
const heard = (...verdicts: VerdictRecord[]): RunEvent => ({ kind: 'verdicts', step: 4, verdicts, refused: [] });
const pair = (verdictId: string, turned?: boolean): RunEvent => ({
	kind: 'pairs',
	step: 4,
	pairs: [
		{
			...{ id: `pair ${verdictId}`, verdictId, step: 4, question: 'Q', chosen: 'A better one.', rejected: 'An answer.' },
			...{ chosenVerdict: verdictOf([0.9, 0.05, 0.05]), chosenTrueLabel: 'ethical' as const, ...(turned && { turned }) },
		},
	],
});
const read = (events: RunEvent[], labels = new Map<string, 'ethical' | 'neutral' | 'unethical'>()) =>
	reviewedOf(events, { runId: 'r1', experiment, labels, limits: { question: 100, answer: 100 } });

describe('the trajectories of a run', () => {
	it('are its verdicts with the better answer, the reader’s word, and where they come from', () => {
		const { reviewed, leftOut } = read([heard(said('a'), said('b')), pair('a')], new Map([['b', 'neutral']]));
		expect(leftOut).toBe(0);
		expect(reviewed).toMatchObject([
			{
				question: 'Question a?',
				alternative: { answer: 'A better one.' },
				label: null,
				run: 'r1',
				step: 4,
				model: experiment.model.checkpoint,
			},
			{ question: 'Question b?', alternative: null, label: 'neutral', judge: { engine: 'frozen-self' } },
		]);
		expect(reviewed[0]).not.toHaveProperty('trueLabel'); // nobody outside of the world knows it
	});

	it('hold each exchange once, with what is known of any of its answers', () => {
		const again = said('b', { question: ' Question a?', step: 9 });
		const { reviewed } = read([heard(said('a')), heard(again), pair('b')], new Map([['b', 'ethical']]));
		expect(reviewed).toMatchObject([{ step: 4, label: 'ethical', alternative: { answer: 'A better one.' } }]);
		expect(read([heard(said('a'), said('b', { question: 'Question a?', frameworkHash: 'b'.repeat(64) }))]).reviewed).toHaveLength(2);
	});

	it('leave out what teaches nobody, and say how much', () => {
		const by = (engine: JudgeEngine) => said(engine, { judge: { engine, model: 'organism', revision: '' } });
		const { judge, ...old } = said('old');
		expect(judge).toBeDefined();
		const out = [
			by('permuted'),
			by('inverted'),
			by('policy'),
			old,
			said('empty', { answer: ' ' }),
			said('long', { question: 'x'.repeat(101) }),
			said('known', { verdict: { ...verdictOf([0.1, 0.1, 0.8]), by: 'memory' } }),
		];
		const { reviewed, leftOut } = read([heard(...out, said('good'))]);
		expect(reviewed.map(({ question }) => question)).toEqual(['Question good?']);
		expect(leftOut).toBe(7);
	});

	it('have no better answer where the run learnt it the other way round, or had it from a memory', () => {
		expect(read([heard(said('a')), pair('a', true)]).reviewed[0]!.alternative).toBeNull();
		const known = pair('a') as Extract<RunEvent, { kind: 'pairs' }>;
		const taken = {
			...known,
			pairs: known.pairs.map((one) => ({ ...one, chosenVerdict: { ...one.chosenVerdict, by: 'memory' as const } })),
		};
		expect(read([heard(said('a')), taken]).reviewed[0]!.alternative).toBeNull();
	});
});
