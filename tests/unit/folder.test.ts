import * as fc from 'fast-check';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { type FolderRun, runFolder, type RunFolder } from '$lib/experiment/folder';
import { preferenceLine } from '$lib/experiment/folderLines';
import { FolderError, readRunFolder } from '$lib/experiment/folderReading';
import { readZip, zipRuns } from '$lib/experiment/folderZip';
import type { Change } from '$lib/experiment/live';
import { PRESETS } from '$lib/experiment/presets';

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
		`evaluations.jsonl, line ${evaluation}: judge.engine: expected ("frozen-self" | "oracle" | "webllm" | "imported" | "policy" | "permuted" | "inverted"), received "guess".`,
	);
	expect(read(withLine(folder, 'metrics.jsonl', 1, '{"step":'))).toThrow('metrics.jsonl, line 2: expected JSON, received {"step":.');
	expect(read(withLine(folder, 'metrics.jsonl', 1, '{"loss":1}'))).toThrow('metrics.jsonl, line 2: expected an object with one of started');
	expect(read({ ...folder, 'verdicts.jsonl': '' })).toThrow(/^verdicts.jsonl: expected \d more lines, as metrics.jsonl, line \d+ says/);
	expect(read({ ...folder, 'pairs.jsonl': `${folder['pairs.jsonl'] as string}${lines(folder, 'pairs.jsonl')[0]!}` })).toThrow('twice');
	expect(read({ ...folder, 'experiment.json': '{"version":2}' })).toThrow(/^experiment.json: The experiment can't be used. version/);
	expect(read({})).toThrow('experiment.json is missing');
});

test('a run of own rows holds them; a folder from before they were kept has none, and a damaged line is named', () => {
	const run = someRun();
	const from = (source: 'rows' | 'secure-code') => ({ ...run.experiment, data: { ...run.experiment.data, source } });
	const own = { ...run, experiment: from('rows') };
	const row = { messages: [{ role: 'user' as const, content: 'q' }, { role: 'assistant' as const, content: 'a' }] }; // prettier-ignore
	const folder = runFolder({ ...own, rows: [row, row] });
	expect(lines(folder, 'rows.jsonl').map((line) => JSON.parse(line) as unknown)).toEqual([row, row]);
	expect(readRunFolder(folder).rows).toEqual([row, row]);
	expect(readRunFolder(runFolder({ ...own, rows: null })).rows).toBeNull();
	expect(runFolder({ ...run, experiment: from('secure-code'), rows: [row] })).not.toHaveProperty(['rows.jsonl']); // it learnt from others, whatever lay beside it
	expect(() => readRunFolder(withLine(folder, 'rows.jsonl', 1, '{"messages":[]}'))).toThrow(
		'rows.jsonl, line 2: messages: needs a question and an answer.',
	);
	expect(() => readRunFolder({ ...folder, 'rows.jsonl': '' })).toThrow('rows.jsonl: expected the rows');
});

test('verdicts of the user’s own lie under their digest, by which run.json names them, and a damaged line is named', () => {
	const digest = 'a'.repeat(64);
	const verdicts = [{ question: 'q', answer: 'a', verdict: verdictOf([0, 0, 1]) }];
	const folder = runFolder({ ...someRun(), begunAt: null, failed: false, rowsName: null, verdictFiles: [{ fileName: 'mine.jsonl', digest, verdicts }] }); // prettier-ignore
	const place = `imported-verdicts/${digest}.jsonl`;
	expect(folder['run.json']).toBe(`{"verdictNames":{"${digest}":"mine.jsonl"}}\n`);
	expect(folder[place]).toBe('{"question":"q","answer":"a","label":"unethical","probabilities":{"ethical":0,"neutral":0,"unethical":1}}\n');
	expect(readRunFolder(folder).verdictFiles).toEqual([{ fileName: 'mine.jsonl', digest, verdicts }]);
	expect(() => readRunFolder({ ...folder, [place]: '\n{"question":"q"}' })).toThrow(`${place}, line 2: answer: expected`);
});

test('a run tells when it was begun; a folder from before it did tells nothing', () => {
	const run = { ...someRun(), verdictFiles: [], begunAt: Date.UTC(2026, 10, 21, 16, 22), rowsName: null };
	const folder = runFolder(run);
	expect(folder['run.json']).toBe('{"begun":"2026-11-21T16:22:00.000Z"}\n');
	expect(readRunFolder(folder).begunAt).toBe(run.begunAt);
	expect(runFolder({ ...run, begunAt: null })).not.toHaveProperty(['run.json']);
	expect(() => readRunFolder({ ...folder, 'run.json': '{"begun":"yesterday"}' })).toThrow(
		'run.json: begun: expected a time such as 2026-11-21T16:22:00.000Z.',
	);
});

test('a run tells that an error stopped it, and what its file of rows was called', () => {
	const bare = { ...someRun(), begunAt: null, rowsName: null, verdictFiles: [] };
	const folder = runFolder({ ...bare, failed: true, rowsName: 'mine.jsonl' });
	expect(folder['run.json']).toBe('{"status":"failed","rowsName":"mine.jsonl"}\n');
	expect(readRunFolder(folder)).toMatchObject({ begunAt: null, failed: true, rowsName: 'mine.jsonl' });
	expect(readRunFolder(runFolder(bare))).toMatchObject({ failed: false, rowsName: null });
	expect(() => readRunFolder({ ...folder, 'run.json': '{"status":"lost"}' })).toThrow(
		'run.json: status: expected "failed", received "lost".',
	);
});

test('a zip may take as much as it holds: what counts is how much that is', () => {
	const half = 300e6;
	const zip = zipSync({ ...unzipSync(zipRuns([someRun()])), 'mine.bin': strToU8('x') });
	const [entries, end] = [zip.findLastIndex((_, i) => signs(zip, i, 0x01)), zip.length - 22];
	new DataView(zip.buffer).setUint32(entries + 24, half, true); // as much as mine.bin says that it unpacks to
	const list = new DataView(zip.buffer).getUint32(end + 16, true);
	const large = new Uint8Array(zip.length + half);
	large.set(zip.subarray(0, list));
	large.set(zip.subarray(list), list + half);
	new DataView(large.buffer).setUint32(end + half + 16, list + half, true);
	expect(readZip(large)).toHaveLength(1);
	new DataView(large.buffer).setUint32(entries + half + 24, 501e6, true);
	expect(() => readZip(large)).toThrow(/holds more than 500 MB, the most that the lab reads at once: export its runs in parts/);
});

/** Here begins the entry of a file in a zip's list of files. */
const signs = (zip: Uint8Array, at: number, kind: number) => [0x50, 0x4b, kind, kind + 1].every((byte, i) => zip[at + i] === byte);

test('more runs than the lab reads again are not written, and the number is said', () => {
	const run = someRun();
	const weights = new Uint8Array(260e6);
	const large = {
		...run,
		adapter: { 'adapter_config.json': '', 'adapter_model.safetensors': weights, 'experiment.json': '', 'README.md': '' },
	};
	expect(() => zipRuns([large, large])).toThrow(
		/^These runs make 521 MB, and the lab reads no zip that holds more than 500 MB: export fewer/,
	);
});

test.each([
	[{ path: 'conscience.lamda', from: 1, to: 2 }, `path: an experiment has no field "conscience.lamda"`],
	[{ path: 'conscience', from: 1, to: 2 }, `path: an experiment has no field "conscience"`],
	[{ path: 'toString', from: 1, to: 2 }, `path: an experiment has no field "toString"`],
	[{ path: 'conscience.lambda', from: 1, to: 500 }, `'to' of conscience.lambda: expected <=100, received 500`],
	[{ path: 'conscience.lambda', to: 1 }, `'from' of conscience.lambda: expected number, received undefined`],
	[
		{ path: 'conscience.judge', from: 'oracle', to: '<b>me</b>' },
		`'to' of conscience.judge: expected ("webllm" | "frozen-self" | "imported" | "oracle" | "policy" | "permuted" | "inverted"), received "<b>me</b>"`,
	],
	[{ path: 'conscience.cadence.every', from: 'daily', to: 5 }, `'from' of conscience.cadence.every: expected number, received "daily"`],
	[{ path: 'conscience.frameworks', from: [], to: [] }, `'from' of conscience.frameworks: expected >=1, received 0`],
])('a change that no experiment can make is refused: %j', (change, reason) => {
	const folder = runFolder({ ...someRun(), events: [{ kind: 'change', step: 3, changes: [change as unknown as Change] }] });
	expect(() => readRunFolder(folder)).toThrow(`metrics.jsonl, line 1: change.changes.0: ${reason}.`);
});

test('a change may take every field that an experiment has, from any value that it may have to another', () => {
	const leaves = (value: unknown, path = ''): [string, unknown][] =>
		typeof value === 'object' && value !== null && !Array.isArray(value)
			? Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key))
			: [[path, value]];
	const fixed = { kind: 'fixed', every: 5 };
	const experiments = PRESETS.flatMap(({ experiment }) => [experiment, { ...experiment, conscience: { ...experiment.conscience, cadence: fixed } }]); // prettier-ignore
	for (const [path, value] of experiments.flatMap((experiment) => leaves(experiment))) {
		const run: FolderRun = { ...someRun(), events: [{ kind: 'change', step: 3, changes: [{ path, from: value, to: value }] }] };
		expect(readRunFolder(runFolder(run))).toEqual(run);
	}
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
	expect(() => readZip(strToU8('not a zip at all'))).toThrow(/^The file is no zip\. Runs come as/);
	expect(() => readZip(zip.slice(0, zip.length / 2))).toThrow(/^The zip is damaged/);
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
