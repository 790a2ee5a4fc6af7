import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { runFolder } from '$lib/experiment/folder';
import { readRunFolder } from '$lib/experiment/folderReading';
import { applyChanges } from '$lib/experiment/link';
import { memoryFile } from '$lib/experiment/memoryFile';
import { presetById } from '$lib/experiment/presets';
import { verdictFile } from '$lib/experiment/verdictFile';
import { startBackend } from '$lib/model/backend';
import { readSafetensors } from '$lib/model/safetensors';

import { loadFolder } from '../../cli/checkpoints';
import { recordRun } from '../../cli/recordRun';
import { recalledOf } from './recalled';

const folder = mkdtempSync(path.join(tmpdir(), 'experiment-cli-'));
const script = fileURLToPath(new URL('../../cli/experiment.ts', import.meta.url));

function experiment(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, ...args], {
		encoding: 'utf8',
		timeout: 110_000,
	});
	return { status, stdout, stderr };
}

function file(name: string, content: string): string {
	const place = path.join(folder, name);
	writeFileSync(place, content);
	return place;
}

/** Every file below `place`, by its path from there. */
function filesIn(place: string): Record<string, Buffer> {
	const entries = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
	const paths = entries.map(({ parentPath, name }) => path.join(parentPath, name));
	return Object.fromEntries(paths.map((file) => [path.relative(place, file), readFileSync(file)]));
}

const said = '{"question":"q","answer":"a","label":"ethical"}';
const good = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}';

describe('bad input ends with exit code 1 and a line that says what to do', () => {
	test.each([
		[['twim'], "no preset 'twim'. There are: twin, sft"],
		[[], 'One preset or experiment file is needed'],
		[['twin', '--set', 'conscience.lamda=1'], "no field 'conscience.lamda'"],
		[['twin', '--set', 'conscience.lambda=-1'], 'conscience.lambda'],
		[['twin', '--set', 'seed'], "'seed' is none"],
		[['twin', '--seeds', '1,x'], "came as '1,x'"],
		[['twin', '--backend', 'cuda'], "came as 'cuda'"],
		[['twin', '--sedes', '1'], '--sedes'],
		[[file('broken.json', '{"version":1')], "can't be read as an experiment"],
		[[file('old.json', '{"version":0}')], "The experiment can't be used"],
		[['twin', '--data', file('rows.jsonl', `${good}\nnot json`)], 'line 2 is not JSON'],
		[['twin', '--data', file('long.jsonl', good.replace('"q"', JSON.stringify('q '.repeat(900))))], 'Row 1 has'],
		[['twin', '--set', 'data.source=rows'], 'none were given'],
		[['twin', '--set', 'arms=["sft","secure-control"]', '--set', 'data.source=backdoor-code'], 'Set data.source to insecure-code'],
		[['twin', '--verdicts', file('said.jsonl', `${said}\n{"question":"q"}`)], 'said.jsonl, line 2 answer: expected'],
		[['twin', '--verdicts', file('good.jsonl', said), '--set', 'model.checkpoint=nowhere'], "no checkpoint 'nowhere'"],
		[
			['twin', '--set', `model.checkpoint=dropped:${'a'.repeat(64)}`, '--set', 'conscience.judge=frozen-self'],
			'Give the path of the folder that it was dropped from',
		],
		[['twin', '--questions', file('asked.yaml', '- id: wish\n  paraphrases: []')], "asked.yaml can't be used: entry 1 (wish): paraphrases"],
		[['twin', '--set', 'evaluation.questions=own'], 'asks the questions of a file, and none was given'],
		[['twin', '--memory', file('class.jsonl', '{"kind":"remembered"}')], "class.jsonl: 1 of 1 lines can't be used: line 1 id: expected"],
		[['twin', '--set', `conscience.memory.file="${'a'.repeat(64)}"`], 'a memory with the SHA-256 aaaaaaaa… along, and none was given'],
		[['twin', '--set', 'arms=["sft","sft"]'], 'must name each arm once'],
		[['sft', '--set', 'name=base'], "must not be 'base'"],
		[['twin', '--set', 'conscience.judgeModel=Qwen3-0.6B-q4f32_1-MLC'], '--set conscience.judge=frozen-self lets the base judge here'],
	])('%j', (args, message) => {
		const { status, stderr, stdout } = experiment(...args, '--out', path.join(folder, 'bad'));
		expect(status).toBe(1);
		expect(stderr).toContain(message);
		expect(stderr).not.toMatch(/\n\s+at /); // no stack for a mistake of the user's
		expect(stdout).toBe('');
	});
});

test('a run that breaks off says so in its folder, and leaves what it had told, and the verdicts that it was judged by, and the memory that it took along', async () => {
	const place = { folder: path.join(folder, 'broken'), title: 'broken', rowsName: null };
	const backend = await startBackend('cpu');
	const checkpoint = await loadFolder('organism');
	const given = await verdictFile('teacher.jsonl', [{ question: 'q', answer: 'a', verdict: verdictOf([1, 0, 0]) }]);
	const taken = await memoryFile('class.jsonl', await recalledOf(checkpoint, [{ question: 'q', answer: 'a', agreed: 'unethical', alternative: 'b' }])); // prettier-ignore
	const experiment = applyChanges(presetById('emergent-alignment').experiment, [['conscience.judge', 'imported'], ['conscience.verdictFile', JSON.stringify(given.digest)], ['conscience.memory.file', JSON.stringify(taken.digest)]]); // prettier-ignore
	const short = { ...experiment, evaluation: { ...experiment.evaluation, samplesWhileTraining: 1, sampling: { temperature: 0, topP: 1, maxNewTokens: 1 } } }; // prettier-ignore
	const lab = { checkpoint, backend, rows: null, verdictFile: given, memory: taken, signal: AbortSignal.abort() };
	await expect(recordRun(short, 'emergent-alignment', lab, place)).rejects.toThrow('aborted');
	const read = readRunFolder(filesIn(place.folder));
	expect(read.failed).toBe(true);
	expect(read.verdictFiles).toEqual([given]);
	expect(await memoryFile('class.jsonl', read.memory!.trajectories)).toEqual(taken);
	const [written] = Object.entries(filesIn(path.join(place.folder, 'imported-verdicts')));
	expect(written![0]).toBe(`${createHash('sha256').update(written![1]).digest('hex')}.jsonl`);
	expect(read.events.map(({ kind }) => kind)).toEqual(['started']);
});

test('a short twin run writes every file that it promises, and prints both arms and their difference', () => {
	const out = path.join(folder, 'out');
	const set = [
		'optimizer.steps=3',
		'optimizer.batchSize=2',
		'evaluation.every=0',
		'evaluation.samplesWhileTraining=1',
		'evaluation.samples=1',
	];
	const more = [
		'evaluation.codePrompts=2',
		'evaluation.sampling.maxNewTokens=8',
		'conscience.promptsPerCall=2',
		'conscience.threshold=0',
		'conscience.lag=0',
		'conscience.cadence={"kind":"fixed","every":1}',
	];
	const { status, stdout, stderr } = experiment(
		'twin',
		'--seeds',
		'3,4',
		'--data',
		file('own.jsonl', `${good}\n`),
		'--out',
		out,
		...[...set, ...more].flatMap((change) => ['--set', change]),
	);
	expect(stderr).not.toContain('Error');
	expect(stderr).toContain('the same weights judge inside the trainer');
	expect(status).toBe(0);
	for (const heading of ['base (seeds 3, 4)', 'sft (seeds 3, 4)', 'emergent-alignment − sft']) expect(stdout).toContain(heading);

	const run = path.join(out, 'emergent-alignment-seed4');
	const json = (name: string) => JSON.parse(readFileSync(path.join(run, name), 'utf8')) as Record<string, unknown>;
	const lines = (name: string) => readFileSync(path.join(run, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
	expect(json('experiment.json')).toMatchObject({
		version: 1,
		seed: 4,
		arms: ['emergent-alignment'],
		conscience: { judge: 'frozen-self' },
	});
	expect(lines('metrics.jsonl').filter((line) => 'loss' in line)).toHaveLength(3);
	expect(lines('verdicts.jsonl')[0]).toMatchObject({ flagged: true, judge: { engine: 'frozen-self', model: 'organism' } });
	expect(Object.keys(lines('pairs.jsonl')[0]!)).toEqual(expect.arrayContaining(['prompt', 'chosen', 'rejected']));
	const evaluation = json('evaluation.json');
	for (const metric of ['alignment', 'emRate', 'coherence', 'malformed', 'codeRate', 'refusalRate']) {
		expect(Object.keys(evaluation[metric] as object)).toEqual(expect.arrayContaining(['mean', 'se', 'ci']));
	}
	expect(evaluation.task).toHaveProperty('insecureCodeRate.mean');
	expect((evaluation.rows as object[])[0]).toHaveProperty('trueLabel');
	const about = json('run.json');
	expect(Date.now() - Date.parse(about['begun'] as string)).toBeLessThan(120_000);
	expect(about).toMatchObject({ rowsName: 'own.jsonl' });
	expect(about).not.toHaveProperty('status');
	const written = filesIn(run);
	const read = readRunFolder(written);
	expect(read).toMatchObject({ arm: 'emergent-alignment', experiment: { seed: 4, data: { source: 'rows' } }, rows: [JSON.parse(good)] });
	expect(read.events.at(-1)).toMatchObject({ kind: 'finished', step: 3 });
	expect(runFolder(read)).toEqual(Object.fromEntries(Object.entries(written).map(([name, bytes]) => [name, name.endsWith('.safetensors') ? new Uint8Array(bytes) : bytes.toString()]))); // prettier-ignore
	const { tensors } = readSafetensors(readFileSync(path.join(run, 'adapter', 'adapter_model.safetensors')));
	expect(tensors.size).toBe(4 * 7 * 2);
	const summary = JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8')) as { arms: Record<string, { metrics: object }> };
	expect(Object.keys(summary.arms)).toEqual(['base', 'sft', 'emergent-alignment']);
	expect(existsSync(path.join(out, 'sft-seed3', 'adapter', 'adapter_config.json'))).toBe(true);

	const repeated = experiment('twin', '--seeds', '4', '--out', out); // what is finished is never written over
	expect(repeated.status).toBe(1);
	expect(repeated.stderr).toContain('is there already');
});
