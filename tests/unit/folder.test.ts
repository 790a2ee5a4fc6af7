import * as fc from 'fast-check';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { FolderError, readRunFolder, runFolder, type RunFolder } from '$lib/experiment/folder';
import { preferenceLine } from '$lib/experiment/folderLines';
import { readZip, zipRuns } from '$lib/experiment/folderZip';

import { keptRun, someRun } from './keptRun';

const lines = (folder: RunFolder, name: string) => (folder[name] as string).trimEnd().split('\n');
const withLine = (folder: RunFolder, name: string, index: number, line: string): RunFolder => ({
	...folder,
	[name]: lines(folder, name).with(index, line).join('\n'),
});

test('a run comes back from its folder as it was', () => {
	fc.assert(
		fc.property(keptRun, (run) => {
			expect(readRunFolder(runFolder(run))).toEqual(run);
		}),
		{ numRuns: 150 },
	);
});

test('runs come back from a zip as they were, and the same runs make the same bytes', () => {
	fc.assert(
		fc.property(fc.array(keptRun, { minLength: 1, maxLength: 3 }), (runs) => {
			const zip = zipRuns(runs);
			expect(zipRuns(runs)).toEqual(zip);
			const byFolder = (kept: typeof runs) => kept.map((run) => JSON.stringify(runFolder(run))).sort();
			expect(byFolder(readZip(zip))).toEqual(byFolder(runs));
		}),
		{ numRuns: 40 },
	);
});

test('progress is the only thing that a folder leaves out', () => {
	const run = someRun();
	const told = [...run.events, { kind: 'progress', phase: 'training', done: 1, total: 2, secondsLeft: null } as const];
	expect(readRunFolder(runFolder({ ...run, events: told })).events).toEqual(run.events);
});

test('a damaged folder gives a FolderError, whatever the damage', () => {
	const damage = fc.oneof(
		fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
		fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
		fc.record({ kind: fc.constant('text' as const), at: fc.nat(), text: fc.oneof(fc.string(), fc.json()) }),
		fc.record({ kind: fc.constant('bytes' as const), at: fc.nat(), bytes: fc.uint8Array({ minLength: 1 }) }),
		fc.record({ kind: fc.constant('value' as const), at: fc.nat(), text: fc.json() }),
	);
	fc.assert(
		fc.property(
			keptRun,
			fc.string().map((name) => `${name}.jsonl`),
			fc.nat(),
			damage,
			(run, extra, file, how) => {
				const folder = runFolder(run);
				const names = Object.keys(folder);
				const name = names[file % names.length]!;
				const content = folder[name]!;
				const text = typeof content === 'string' ? content : '';
				const at = how.at % (text.length + 1);
				if (how.kind === 'drop') delete folder[name];
				if (how.kind === 'cut') folder[name] = text.slice(0, at);
				if (how.kind === 'text') folder[name] = text.slice(0, at) + how.text + text.slice(at);
				if (how.kind === 'bytes') folder[name] = Uint8Array.from([...strToU8(text.slice(0, at)), ...how.bytes, ...strToU8(text.slice(at))]);
				if (how.kind === 'value') {
					const values = [...text.matchAll(/(?<=:)("[^"]*"|[\d.e-]+|null|true|false)/g)];
					const value = values[at % Math.max(1, values.length)];
					if (value) folder[name] = text.slice(0, value.index) + how.text + text.slice(value.index + value[0].length);
				}
				try {
					readRunFolder({ [extra]: 'unknown files are passed over', ...folder });
				} catch (error) {
					expect(error).toBeInstanceOf(FolderError);
				}
			},
		),
		{ numRuns: 500 },
	);
});

test('an error names the file, the line, the field, what was expected and what came', () => {
	const folder = runFolder(someRun());
	const read = (damaged: RunFolder) => () => readRunFolder(damaged);
	const evaluation = lines(folder, 'evaluations.jsonl').length;
	const wrong = lines(folder, 'evaluations.jsonl').at(-1)!.replace('"engine":"oracle"', '"engine":"guess"');
	expect(read(withLine(folder, 'evaluations.jsonl', evaluation - 1, wrong))).toThrow(
		`evaluations.jsonl, line ${evaluation}: judge.engine: expected ("frozen-self" | "oracle" | "webllm" | "imported"), received "guess".`,
	);
	expect(read(withLine(folder, 'metrics.jsonl', 1, '{"step":'))).toThrow('metrics.jsonl, line 2: expected JSON, received {"step":.');
	expect(read(withLine(folder, 'metrics.jsonl', 1, '{"loss":1}'))).toThrow('metrics.jsonl, line 2: expected an object with one of started');
	expect(read({ ...folder, 'verdicts.jsonl': '' })).toThrow(/^verdicts.jsonl: expected \d more lines, as metrics.jsonl, line \d+ says/);
	expect(read({ ...folder, 'pairs.jsonl': `${folder['pairs.jsonl'] as string}${lines(folder, 'pairs.jsonl')[0]!}` })).toThrow('twice');
	expect(read({ ...folder, 'experiment.json': '{"version":2}' })).toThrow(/^experiment.json: The experiment can't be used. version/);
	expect(read({})).toThrow('experiment.json is missing');
});

test('a pair is written in TRL’s conversational format, with what the lab knows beside it', () => {
	const beside = { id: '5-0', verdictId: '5-0', step: 5, chosenVerdict: verdictOf([1, 0, 0]), chosenTrueLabel: 'ethical' as const };
	expect(JSON.parse(preferenceLine({ ...beside, question: 'q', chosen: 'c', rejected: 'r' }))).toEqual({
		prompt: [{ role: 'user', content: 'q' }],
		chosen: [{ role: 'assistant', content: 'c' }],
		rejected: [{ role: 'assistant', content: 'r' }],
		...beside,
	});
});

test('a zip may hold the runs at any depth, beside what belongs to no run', () => {
	const run = someRun();
	const files = unzipSync(zipRuns([run, { ...run, experiment: { ...run.experiment, seed: 2 } }]));
	const deeper = Object.fromEntries(Object.entries(files).map(([path, content]) => [`my runs/kept/${path}`, content]));
	expect(readZip(zipSync({ ...deeper, 'my runs/notes.txt': strToU8('mine'), '__MACOSX/._x': new Uint8Array(3) }))).toHaveLength(2);
	const bare = Object.fromEntries(Object.entries(runFolder(run)).map(([path, content]) => [path, typeof content === 'string' ? strToU8(content) : content])); // prettier-ignore
	expect(readZip(zipSync(bare))).toEqual([run]);
});

test('a zip that can’t be read says why', () => {
	const zip = zipRuns([someRun()]);
	expect(() => readZip(strToU8('not a zip at all'))).toThrow(/^The file is no zip, or it is damaged/);
	expect(() => readZip(zip.slice(0, zip.length / 2))).toThrow(/^The file is no zip, or it is damaged/);
	expect(() => readZip(zipSync({ 'notes.txt': strToU8('x') }))).toThrow('holds no run');
	expect(() => readZip(zipSync({ 'adapter_config.json': strToU8('{}'), 'experiment.json': strToU8('{}') }))).toThrow('holds an adapter');
	const files = unzipSync(zip);
	const log = Object.keys(files).find((path) => path.endsWith('metrics.jsonl'))!;
	expect(() => readZip(zipSync({ ...files, [log]: strToU8('{"step":0}') }))).toThrow(`${log}, line 1: `);
});

test('random damage to a zip gives a FolderError or a run, never another error', () => {
	const zip = zipRuns([someRun()]);
	fc.assert(
		fc.property(fc.array(fc.tuple(fc.nat({ max: zip.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 5 }), (hits) => {
			const damaged = zip.slice();
			for (const [at, byte] of hits) damaged[at] = byte;
			try {
				readZip(damaged);
			} catch (error) {
				expect(error).toBeInstanceOf(FolderError);
			}
		}),
		{ numRuns: 150 },
	);
});
