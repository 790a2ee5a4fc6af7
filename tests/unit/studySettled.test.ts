import { describe, expect, test } from 'vitest';

import { STUDIES, studyById } from '$lib/experiment/studies/index';
import { missingInWords } from '$lib/experiment/studies/result';
import type { StudyRows } from '$lib/experiment/studies/rows';
import { above, any, asGood, below, type Came, every, gapOf, less, more, not } from '$lib/experiment/studies/settled';

import { found, type Planted, planted } from './studyRows';

describe('whether what would change our mind has come about', () => {
	const settled = (id: string, runs: Record<string, Planted> = {}) => found(id, planted(id, runs)).settled!.map(({ came }) => came);
	const withEnds = (low: number, high: number) => ({ mean: (low + high) / 2, se: 1, ci: [low, high] as [number, number] });

	test('is told by whole intervals; a difference within the margin is none, and where no interval is known nothing is told', () => {
		expect([withEnds(6, 8), withEnds(4, 8), withEnds(1, 5)].map((figure) => above(figure, 5))).toEqual(['yes', 'open', 'no']);
		expect([withEnds(1, 4), withEnds(4, 8), withEnds(5, 9)].map((figure) => below(figure, 5))).toEqual(['yes', 'open', 'no']);
		expect([above(null, 0), below({ mean: 3, se: null, ci: null }, 0), above({ mean: 3, se: 0, ci: null }, 0)]).toEqual([
			'open',
			'open',
			'yes',
		]);
		const differences = [withEnds(-9, -6), withEnds(-4, -1), withEnds(-9, 2), withEnds(-4, 3), withEnds(2, 9)];
		expect(differences.map((each) => asGood(each))).toEqual(['no', 'no', 'open', 'yes', 'yes']);
		expect(differences.map((each) => less(each))).toEqual(['yes', 'yes', 'open', 'no', 'no']);
		expect(differences.map((each) => more(each))).toEqual(['no', 'no', 'no', 'no', 'yes']);
		expect(asGood(withEnds(-4, -1), 5, 'open')).toBe('yes'); // not told apart among several, and near
		expect(gapOf(withEnds(90, 94), withEnds(95, 97))).toMatchObject({ mean: -4, ci: [-7, -1] });
		const all: readonly Came[] = ['yes', 'open', 'no'];
		expect([any(all), any(all.slice(1)), every(all), every(all.slice(0, 2)), not('yes'), not('open')]).toEqual(['yes', 'open', 'no', 'open', 'no', 'open']); // prettier-ignore
	});

	test('E5: by whose verdicts a copy is as good', () => {
		expect(settled('E5', { permuted: { bad: 15 }, inverted: { bad: 15 } })).toEqual(['no', 'yes']);
		expect(settled('E5', { permuted: { bad: 15 }, inverted: { bad: 15 }, policy: { bad: 15 } })).toEqual(['no', 'no']);
		expect(settled('E5', { inverted: { bad: 15 } })).toEqual(['yes', 'yes']); // dealt ones do as well
		expect(settled('E5', { permuted: { bad: 3 }, inverted: { bad: 15 } })[0]).toBe('open');
		const rows = planted('E5', { permuted: { bad: 15 }, inverted: { bad: 15 } });
		const without = { ...rows, answers: rows.answers.filter(({ run }) => run !== 'policy') };
		expect(found('E5', without).settled!.map(({ came }) => came)).toEqual(['no', 'open']);
	});

	test('E1, E4, E6, E7, E8, E9, E16: of what was planted', () => {
		expect(settled('E1', { sft: { bad: 15 } })).toEqual(['no', 'no']);
		expect(settled('E1', { sft: { bad: 15 }, ea: { bad: 1, insecure: 0 } })).toEqual(['no', 'yes']);
		expect(settled('E1')).toEqual(['yes', 'no']);
		const small = { 'lambda-0p01': { bad: 15 }, 'lambda-0p03': { bad: 15 }, 'lambda-0p1': { bad: 15 } };
		expect([settled('E4'), settled('E4', small)]).toEqual([['yes', 'yes'], ['no', 'no']]); // prettier-ignore
		expect([settled('E6'), settled('E6', { alternatives: { bad: 12 } })]).toEqual([['yes'], ['no']]);
		const noise = Object.fromEntries([2, 6, 7, 12].map((bad, i) => [`dpo-${10 * (i + 1)}`, { bad }]));
		expect([settled('E7'), settled('E7', noise)]).toEqual([['no', 'no'], ['yes', 'yes']]); // prettier-ignore
		expect([settled('E8'), settled('E8', { inoculation: { bad: 1, tokens: 1 } })]).toEqual([['no'], ['yes']]);
		expect(settled('E8', { inoculation: { bad: 12, tokens: 1 } })).toEqual(['no']);
		expect([settled('E9'), settled('E9', { 'ea-100': { bad: 12 }, 'secure-50': { bad: 12 } })]).toEqual([['no', 'yes'], ['yes', 'no']]); // prettier-ignore
		expect([settled('E16', { sft: { bad: 15 } }), settled('E16', { ea: { bad: 15 } })]).toEqual([['no', 'no'], ['yes', 'yes']]); // prettier-ignore
	});

	test('E2, E12, E14: by what judges said', () => {
		expect(settled('E2', { sft: { bad: 15 } })[0]).toBe('open'); // a κ of 1 has no interval
		const wrong: Planted = { bad: 4, read: [0.1, 0.9] };
		expect(settled('E2', { base: wrong, sft: wrong, ea: wrong })[0]).toBe('yes');
		expect(settled('E12', { often: { bad: 0, read: [0.9, 0.9] } })).toEqual(['no']); // true labels are with its conscience
		expect(settled('E14', { sft: { bad: 16 } })).toEqual(['no']);
		const rows = planted('E14', { sft: { bad: 16 } });
		const readings = rows.readings.map((row) => (row.judge === 'organism/three-laws' ? { ...row, ethical: row.unethical, unethical: row.ethical } : row)); // prettier-ignore
		expect(found('E14', { ...rows, readings }).settled!.map(({ came }) => came)).toEqual(['yes']);
	});

	test('can’t be told of any study without rows', () => {
		const rows = planted('E5', {});
		const none = Object.fromEntries(Object.keys(rows).map((kind) => [kind, []])) as unknown as StudyRows;
		for (const study of STUDIES) {
			const { settled = [] } = study.analyse(none);
			const { id } = study;
			expect([id, settled.length > 0, settled.every(({ came }) => came === 'open')]).toEqual([id, true, true]);
		}
	});
});

test('a study of which runs are missing says so, also where it has got runs since', () => {
	const study = studyById('E5');
	const planned = study.runs.length * study.seeds.length;
	expect(missingInWords(study, planned)).toBeNull();
	expect(missingInWords(study, planned - 3)).toBe(`A part is missing: ${planned - 3} of ${planned} runs are there.`);
});
