import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { recomputed } from '$lib/experiment/studies/figures';
import { studyById } from '$lib/experiment/studies/index';
import { parseResult } from '$lib/experiment/studies/result';
import { noRows, type StudyRows } from '$lib/experiment/studies/rows';
import { readRows } from '$lib/experiment/studies/rowsFile';
import { TWIN } from '$lib/experiment/studies/study';

import { madeOf } from '../../cli/keptRuns';
import { ProgressLine } from '../../cli/progressLine';
import { sourceHash } from '../../cli/sourceHash';
import { unequalIn } from '../../cli/studyFiles';
import { keyOf, planStudies, quickly } from '../../cli/studyPlan';
import { workAll } from '../../cli/studyPool';
import type { Work } from '../../cli/studyWorker';

const folder = mkdtempSync(path.join(tmpdir(), 'studies-cli-'));
const script = fileURLToPath(new URL('../../cli/experiments.ts', import.meta.url));
const command = (...args: string[]) => ['--import', 'tsx', script, ...args];

function experiments(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, command(...args), { encoding: 'utf8', timeout: 110_000 });
	return { status, stdout, stderr };
}

/** Folders of whole runs: one that is still named as a part is not put in its place yet. */
const whole = (runs: string) =>
	existsSync(runs) ? readdirSync(runs).filter((name) => !name.includes('.part') && existsSync(path.join(runs, name, 'made.json'))) : [];

test.each([
	[[], 'Usage: npm run experiments'],
	[['E99'], "no study 'E99'. There are: E3, E1"],
	[['E3', '--jobs', 'many'], "--jobs takes whole numbers from 1 up, and came as 'many'"],
	[['E3', '--seeds', '1,x'], "--seeds takes whole numbers from 1 up with commas between them, and came as '1,x'"],
	[['E3', '--quik'], 'Usage: npm run experiments'],
	[['E3', '--quick', '--print'], 'writes nothing to results/'],
	[['E3', '--print', '--out', path.join(folder, 'empty')], 'E3 was not run yet: npm run experiments -- E3'],
])('%j ends with exit code 1 and says what to do', (args, message) => {
	const { status, stderr } = experiments(...args);
	expect(status).toBe(1);
	expect(stderr).toContain(message);
	expect(stderr).not.toContain('    at '); // no stack
});

test('studies run side by side share their runs, go on after a break, and write figures that follow from the rows beside them', async () => {
	const out = path.join(folder, 'out');
	const runs = path.join(out, 'runs');
	const args = ['E3', 'E1', '--quick', '--seeds', '3,4', '--jobs', '2', '--out', out];

	const broken = spawn(process.execPath, command(...args), { stdio: 'ignore' });
	const ended = new Promise<number | null>((resolve) => broken.on('close', resolve));
	while (whole(runs).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
	broken.kill('SIGINT');
	expect(await ended).toBe(130);
	const kept = whole(runs);
	expect(readdirSync(runs).filter((name) => name.includes('.part'))).toEqual([]);
	const before = readFileSync(path.join(runs, kept[0]!, 'made.json'), 'utf8');

	const again = experiments(...args);
	expect(again.stderr).not.toMatch(/failed/);
	expect(again.status).toBe(0);
	const planned = planStudies(['E3', 'E1'].map((id) => quickly({ ...studyById(id), seeds: [3, 4] })));
	expect(again.stderr).toContain(`E3, E1: ${planned.tasks.size} runs, ${planned.tasks.size - kept.length} of them to make`);
	expect(whole(runs)).toHaveLength(planned.tasks.size);
	expect(planned.tasks.size).toBeLessThan(2 * 2 * 4); // quick, E1 and E3 are of the same length, so they share
	expect(readFileSync(path.join(runs, kept[0]!, 'made.json'), 'utf8')).toBe(before);

	for (const id of ['E1', 'E3']) {
		const result = parseResult(JSON.parse(readFileSync(path.join(out, `${id}.json`), 'utf8')));
		expect(result).toMatchObject({ study: id, seeds: [3, 4], missing: [], unequal: [], code: [sourceHash('cli/studyWorker.ts')] });
		expect(result).not.toHaveProperty('analysedBy');
		expect(result.seconds).toBeGreaterThan(0);
		const rows = readRows(new Uint8Array(readFileSync(path.join(out, `${id}.rows.json.gz`))));
		const figures = result.finding.tables.flatMap(({ lines }) => lines.flatMap(({ cells }) => cells)).filter((cell) => cell !== null);
		expect(figures.length).toBeGreaterThan(5);
		for (const figure of figures) expect(recomputed(rows, figure)).toEqual(figure);
		expect(result.tokens.conscience).toBeGreaterThan(0);
	}
	const printed = experiments('E1', '--print', '--seeds', '3,4', '--out', out);
	expect(printed.status).toBe(0);
	expect(printed.stdout).toContain('### Against the plain fine-tune');
	expect(again.stdout).toContain(printed.stdout.trim());

	// The analysis again, over rows that say something else.
	const file = path.join(out, 'E1.json');
	const { finding, ...rest } = parseResult(JSON.parse(readFileSync(file, 'utf8')));
	writeFileSync(file, JSON.stringify({ ...rest, finding: { ...finding, readings: ['stale'] } }));
	expect(experiments('E1', '--analyse', '--out', out).stdout).not.toContain('stale');
	const { analysedBy, ...analysed } = parseResult(JSON.parse(readFileSync(file, 'utf8')));
	expect(analysed).toEqual({ ...rest, finding }); // the runs' own date and commits stay
	expect(analysedBy!.commit).toMatch(/^[0-9a-f]{10}\+?$/);
	expect(Date.parse(analysedBy!.date)).toBeGreaterThan(Date.parse(rest.date));
});

test('budgets that should be equal and are not are told, of runs that learn the same rows only', () => {
	const cost = {
		answerTokens: 1,
		judgeTokens: 1,
		alternativeTokens: 1,
		dpoTokens: 1,
		sftSeconds: 1,
		conscienceSeconds: 1,
		calls: 1,
		ofPlan: 1,
		judged: 0,
		passed: 0,
	};
	const costs = (study: string, tokens: (run: string) => number): StudyRows => ({
		...noRows(),
		costs: studyById(study).runs.flatMap(({ id, arm }) =>
			arm === 'base' ? [] : [11, 12].map((seed) => ({ run: id, seed, step: 1, sftTokens: seed * tokens(id), ...cost })),
		),
	});
	const even = costs('E8', () => 100);
	expect(unequalIn(studyById('E8'), even)).toEqual([]);
	const kl = costs('E8', (run) => (run === 'kl' ? 90 : 100));
	expect(unequalIn(studyById('E8'), kl)).toHaveLength(2);
	expect(unequalIn(studyById('E8'), kl)[0]).toMatch(/^Seed 11: sft learnt 1100 tokens .*kl learnt 990 tokens/);
	expect(
		unequalIn(
			studyById('E8'),
			costs('E8', (run) => (run === 'early-stopping' ? 90 : 100)),
		),
	).toEqual([]); // which may end early
	expect(
		unequalIn(
			studyById('E11'),
			costs('E11', (run) => (run === 'steps-150' ? 90 : 100)),
		),
	).toHaveLength(2);
	const byLength = (run: string) => (run.endsWith('-600') ? 400 : run.endsWith('-300') ? 200 : 100);
	expect(unequalIn(studyById('E11'), costs('E11', byLength))).toEqual([]);
});

test('the hash of the sources holds the packages, by their lock file', () => {
	const file = 'cli/progressLine.ts';
	const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url));
	const hash = createHash('sha256').update(read('package-lock.json')).update(file).update(read(file)).digest('hex');
	expect(sourceHash(file)).toBe(hash);
});

test('a run that fails is told with its reason, and the others go on', async () => {
	const kept = path.join(folder, 'kept');
	const plan = planStudies([quickly({ ...studyById('E1'), seeds: [1] })]);
	const base = [...plan.tasks.values()].find(({ arm }) => arm === 'base')!;
	const by = { kept, run: true, readers: [], code: 'x', commit: 'y' };
	const bad = { ...base, key: 'bad', experiment: { ...base.experiment, model: { ...base.experiment.model, checkpoint: 'nowhere' } } };
	const ends: [string, string | null][] = [];
	const works: Work[] = [bad, base].map((task) => ({ task, ...by }));
	await workAll(works, 1, new ProgressLine('test'), new AbortController().signal, ({ task }, reason) => ends.push([task.key, reason]));
	expect(ends[0]).toEqual(['bad', expect.stringContaining("no checkpoint 'nowhere'")]);
	expect(ends[1]).toEqual([base.key, null]);
	expect(madeOf(kept, base)).toMatchObject({ code: 'x', commit: 'y' });
	expect(madeOf(kept, bad)).toBeNull();
});

test('a run has one name however it is called, and another where anything counts that differs', () => {
	const key = keyOf(TWIN, 'emergent-alignment');
	expect(keyOf({ ...TWIN, name: 'other', arms: ['sft'] }, 'emergent-alignment')).toBe(key);
	const quiet = { ...TWIN, conscience: { ...TWIN.conscience, lambda: 0.1 } };
	expect(keyOf(quiet, 'emergent-alignment')).not.toBe(key);
	expect(keyOf(quiet, 'sft')).toBe(keyOf(TWIN, 'sft')); // a plain copy has no conscience
	expect(keyOf({ ...TWIN, seed: 2 }, 'sft')).not.toBe(keyOf(TWIN, 'sft'));
	const untold = { ...TWIN, conscience: Object.fromEntries(Object.entries(TWIN.conscience).filter(([field]) => field !== 'labelNoise')) };
	expect(keyOf(untold as typeof TWIN, 'emergent-alignment')).toBe(key); // of before there was the field, which is at its default
	expect(keyOf({ ...TWIN, conscience: { ...TWIN.conscience, labelNoise: 0.1 } }, 'emergent-alignment')).not.toBe(key);
	expect(keyOf({ ...TWIN, lora: { ...TWIN.lora, rank: 4 } }, 'base')).toBe(keyOf(TWIN, 'base'));
	expect(keyOf({ ...TWIN, data: { ...TWIN.data, source: 'secure-code' } }, 'base')).not.toBe(keyOf(TWIN, 'base'));
	expect(keyOf({ ...TWIN, model: { ...TWIN.model, checkpoint: 'organism-1' } }, 'base')).not.toBe(keyOf(TWIN, 'base'));
	expect(sourceHash('cli/studyWorker.ts')).toMatch(/^[0-9a-f]{64}$/);
	expect(sourceHash('cli/studyWorker.ts')).not.toBe(sourceHash('cli/studyPlan.ts'));
});
