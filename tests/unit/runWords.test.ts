import { expect, test } from 'vitest';

import { differenceInterval, MEASURES } from '$lib/components/runs/measures';
import { ARM_LOOKS } from '$lib/components/arms';
import { looksOf, MOST } from '$lib/components/runs/looks';
import { departuresOf, factsOf, namesOf, onTheWay, progressInWords, titleOf } from '$lib/components/runs/words';
import { presetById, PRESETS, storyOf } from '$lib/experiment/presets';
import { ARMS, type ArmId, type Experiment } from '$lib/experiment/schema';
import type { KeptRun } from '$lib/storage/database';

const twin = presetById('twin').experiment;
const one: Experiment = { ...twin, arms: ['sft'], seed: 7 };
const kept = (told: Partial<KeptRun>): KeptRun => {
	const run = {
		experiment: one,
		step: 20,
		alignment: 41.6,
		status: 'cancelled',
		source: 'lab',
		createdAt: 0,
		begunAt: 0,
		rowsFile: null,
		verdictFiles: [],
	};
	return { ...run, ...told } as unknown as KeptRun;
};
const group = (...runs: KeptRun[]) => ({ id: 'g', runs, held: false, elsewhere: false });

test('a run of a story is told from another by what it changed, and not by its seed or its copy', () => {
	expect([titleOf(one), departuresOf(one)]).toEqual(['Two copies, one difference', '']);
	const changed = { ...one, optimizer: { ...one.optimizer, steps: 60 }, conscience: { ...one.conscience, lambda: 0.25 } };
	expect(titleOf(changed)).toBe('Two copies, one difference (2 changes)');
	expect(departuresOf(changed)).toMatch(/0\.25.* · .*60/);
	const many = { ...changed, lora: { ...one.lora, rank: 2, alpha: 3 }, data: { ...one.data, tasks: 1 } };
	expect(departuresOf(many)).toMatch(/( · .*){4}and 1 more$/);
	expect(departuresOf({ ...changed, name: 'mine' })).toBe('');
});

test('what came from a file says so, and whose rows it learnt from', () => {
	const then = new Date(2025, 2, 3, 16, 22).getTime();
	const run = { createdAt: then, begunAt: then };
	expect(factsOf(group(kept(run)))).toBe('Seed 7 · 3 March 2025, 16:22');
	const imported = { source: 'imported', rowsFile: 'mine.jsonl' } as const;
	expect(factsOf(group(kept({ ...run, ...imported })))).toBe('Seed 7 · 3 March 2025, 16:22 · imported · your rows: mine.jsonl');
	const verdictFiles = [{ digest: 'd', fileName: 'said.jsonl', bytes: 3 }];
	expect(factsOf(group(kept(run), kept({ ...run, verdictFiles })))).toBe('Seed 7 · 3 March 2025, 16:22 · your verdicts: said.jsonl');
	const undated = kept({ ...imported, createdAt: Date.now(), begunAt: null });
	expect(factsOf(group(undated))).toMatch(/^Seed 7 · added today, \d+:\d\d · imported · your rows/);
});

test('a run that was changed on the way says what and when, as far as it touched this copy', () => {
	const lambda = (from: number, to: number) => ({ path: 'conscience.lambda', from, to });
	const reworded = { path: 'conscience.frameworks', from: [{ title: 'Kindness' }], to: [{ title: 'Kindness' }] };
	const changes = [
		{ step: 40, changes: [lambda(1, 0)] },
		{ step: 59, changes: [lambda(0, 1), reworded] },
	];
	const told = 'Changed on the way: λ 1 → 0 after step 40; λ 0 → 1, framework reworded after step 59.';
	expect(onTheWay({ arm: 'emergent-alignment', changes })).toBe(told);
	expect(onTheWay({ arm: 'sft', changes })).toBe('');
});

test('runs side by side have names that tell them apart', () => {
	const of = (name: string, arm: ArmId, told: Partial<KeptRun> = {}, seed = 1) => {
		const experiment = { ...(PRESETS.find(({ id }) => id === name)?.experiment ?? twin), name, arms: [arm], seed };
		return kept({ experiment, arm, ...told });
	};
	expect(namesOf([of('sft', 'sft'), of('secure-control', 'sft')])).toEqual(['It goes bad', 'Only the data was different']);
	const copies = [of('twin', 'sft'), of('twin', 'emergent-alignment')];
	expect(namesOf(copies)).toEqual(['Two copies, one difference, plain fine-tune', 'Two copies, one difference, with conscience']);
	expect(namesOf([of('sft', 'sft'), of('sft', 'sft', {}, 2)])).toEqual(['It goes bad, seed 1', 'It goes bad, seed 2']);
	expect(namesOf([of('mine', 'sft')])).toEqual(['mine, plain fine-tune']);
	const shorter = { ...of('sft', 'sft').experiment, optimizer: { ...twin.optimizer, steps: 60 } };
	const longer = { ...shorter, optimizer: { ...twin.optimizer, steps: 90 } };
	const changed = namesOf([of('sft', 'sft', { experiment: shorter }), of('sft', 'sft', { experiment: longer })]);
	expect(changed).toEqual([expect.stringMatching(/^It goes bad \(1 change\): .*60/), expect.stringMatching(/: .*90/)]);
	const again = namesOf([of('sft', 'sft'), of('sft', 'sft', { createdAt: new Date(2025, 2, 3, 16, 22).getTime() })]);
	expect(again[1]).toBe('It goes bad: 3 March 2025, 16:22');
	expect(new Set(again).size).toBe(2);
});

test('a story is called by its title; a name of the reader’s own stays', () => {
	expect(['sft', 'mine'].map(storyOf)).toEqual(['It goes bad', 'mine']);
});

test('no run that is compared looks like another, nor like a copy that it is not', () => {
	const looks = looksOf(Array.from({ length: MOST }, () => kept({ arm: 'sft' })));
	expect(new Set(looks.map((look) => JSON.stringify(look))).size).toBe(MOST);
	expect(looks[0]).toMatchObject({ colour: ARM_LOOKS.sft.colour, dash: ARM_LOOKS.sft.dash });
	const taken = [...ARMS.map((arm) => ARM_LOOKS[arm].colour), ...['ethical', 'neutral', 'unethical', 'incoherent'].map((verdict) => `var(--${verdict})`)]; // prettier-ignore
	for (const { colour } of looks.slice(1)) expect(taken).not.toContain(colour);
	const story = (name: string, arm: ArmId) => kept({ arm, experiment: { ...one, name } });
	const compared = [story('secure-control', 'sft'), story('sft', 'sft'), story('mine', 'sft'), story('twin', 'emergent-alignment')];
	expect(looksOf(compared).map(({ colour }) => colour)).toEqual(['var(--ink)', 'var(--plain)', 'var(--violet)', 'var(--conscience)']);
});

test('a run is told with how far it came, how it stands and what it was last', () => {
	expect(progressInWords(kept({}), group(kept({})))).toBe(`step 20 of ${twin.optimizer.steps}, cancelled; alignment 42`);
	expect(progressInWords(kept({ alignment: null, source: 'imported' }), group())).toMatch(/, broken off$/);
});

test('the interval of a difference stays within what a difference can be', () => {
	const estimate = (low: number, high: number) => ({ mean: 0, se: 1, ci: [low, high] as [number, number], clusters: 2 });
	const [points, share] = [MEASURES.find(({ factor }) => factor === 1)!, MEASURES.find(({ factor }) => factor === 100)!];
	expect(differenceInterval(points, estimate(95, 100.5))).toBe('+95.0 to +100.0');
	expect(differenceInterval(share, estimate(-1.2, -0.5))).toBe('−100.0 to −50.0');
});
