import { beforeEach, describe, expect, test, vi } from 'vitest';

import { presetById } from '$lib/experiment/presets';
import { droppedName } from '$lib/model/droppedName';
import { givenByChoice, givenByDrop } from '$lib/state/givenFolder';
import { judgeSourceOf } from '$lib/state/judgeSource';
import { OwnFolder } from '$lib/state/ownFolder.svelte';
import type { RunSettings } from '$lib/state/runSettings';
import { listModels, removeModel } from '$lib/storage/dropped/keep';
import { createModelFiles } from '$lib/storage/modelFiles';
import { type Folder, memoryFolder } from '$lib/storage/opfs';
import { loadJudge } from '$lib/worker/judgeLoading';
import { ownFolderHandlers } from '$lib/worker/ownFolderHandlers';
import type { OwnFolderEvent, OwnFolderRequests } from '$lib/worker/ownFolderProtocol';
import { emitter, type Port, serve } from '$lib/worker/rpc';
import { storedModels } from '$lib/worker/storedModels';

import { asFolder, asZip, json, tinyFolder, zipOf } from './droppedFolder';

let disk: Folder;
beforeEach(() => void (disk = memoryFolder()));

/** The page's end, with the worker's own code behind a channel. */
function ownFolder(folder = disk) {
	const files = createModelFiles(async () => folder);
	const terminate = vi.fn();
	const dying: ((event: { message: string }) => void)[] = [];
	const connect = () => {
		const { port1, port2 } = new MessageChannel();
		serve<OwnFolderRequests>(port2, ownFolderHandlers(files, emitter<OwnFolderEvent>(port2)));
		port1.start();
		port2.start();
		const addEventListener = (kind: string, listener: never) =>
			kind === 'error' ? void dying.push(listener) : port1.addEventListener(kind, listener);
		const end = () => (terminate(), port1.close());
		return { addEventListener, postMessage: port1.postMessage.bind(port1), terminate: end } as unknown as Port & { terminate(): void };
	};
	const models = { list: () => listModels(files), remove: (sha256: string) => removeModel(sha256, files) };
	const persist = vi.fn(async () => true);
	const die = () => dying.forEach((tell) => tell({ message: 'out of memory' }));
	return { own: new OwnFolder(connect, models, persist), files, terminate, persist, die };
}

describe('a model of the reader’s own', () => {
	test('is looked into, kept, listed and removed; the worker goes when it is kept', async () => {
		const { own, files, terminate, persist } = ownFolder();
		await own.look(asZip(zipOf(tinyFolder())));
		expect([own.fault, own.found?.name, own.working]).toEqual([null, 'tiny', null]);
		expect([persist.mock.calls.length, (await files.list()).length]).toEqual([0, 0]);
		await own.keep();
		expect([own.found, own.taken?.name, own.kept?.map(({ name }) => name)]).toEqual([null, 'tiny', ['tiny']]);
		expect(own.progress?.done).toBe(own.progress?.total);
		expect([persist.mock.calls.length, terminate.mock.calls.length]).toEqual([1, 1]);
		await own.remove(own.taken!.sha256);
		expect([own.kept, own.taken, await disk.names()]).toEqual([[], null, []]);
	});

	test('that is none is a fault with its reason, which the next one takes away', async () => {
		const { own } = ownFolder();
		await own.look(asFolder({ 'adapter_config.json': json({}) }, 'lora'));
		expect([own.found, own.fault]).toEqual([null, expect.stringMatching(/^lora is an adapter/)]);
		await own.look(Promise.reject(new RangeError('There are more than 10000 files in it')));
		expect(own.fault).toContain('more than 10000 files');
		await own.look(asFolder(tinyFolder()));
		expect([own.found?.name, own.fault]).toEqual(['tiny', null]);
	});

	test('that has no room says so, and can be kept once there is some', async () => {
		const fits = vi.fn(async () => false);
		const { own } = ownFolder({ ...disk, fits });
		await own.look(asFolder(tinyFolder()));
		await own.keep();
		expect([own.fault, own.found?.name, own.kept]).toEqual([expect.stringContaining('no room'), 'tiny', null]);
		fits.mockResolvedValue(true);
		await own.keep();
		expect([own.fault, own.taken?.name]).toEqual([null, 'tiny']);
	});

	test('can be given up without a word of blame, and nothing stays', async () => {
		const { own, files } = ownFolder();
		await own.look(asFolder(tinyFolder()));
		const put = vi
			.spyOn(files, 'put')
			.mockImplementation(
				(_, __, { signal } = {}) => new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error))),
			);
		const keeping = own.keep();
		await vi.waitFor(() => expect(put).toHaveBeenCalled());
		await own.cancel();
		await keeping;
		expect([own.fault, own.taken, own.found?.name, await disk.names()]).toEqual([null, null, 'tiny', []]);
	});

	test('whose worker dies is told of', async () => {
		const { own, die, terminate } = ownFolder();
		const looking = own.look(asFolder(tinyFolder()));
		die();
		await looking;
		expect([own.fault, own.found, own.working, terminate.mock.calls.length]).toEqual(['out of memory', null, null, 1]);
	});
});

describe('what was given', () => {
	const file = (name: string, path = '') => Object.defineProperty(new File(['x'], name), 'webkitRelativePath', { value: path });

	test('by a chooser knows its folder', () => {
		expect(givenByChoice([file('config.json', 'tiny/config.json'), file('a.json', 'tiny/a.json')])).toMatchObject({
			name: 'tiny',
			files: [{ path: 'tiny/config.json' }, { path: 'tiny/a.json' }],
		});
		expect([givenByChoice([file('x.zip')]).name, givenByChoice([file('config.json'), file('a.json')]).name]).toEqual(['x.zip', 'model']);
	});

	test('by dropping a folder is read with the folders in it, but for hidden ones, a hundred entries at a time', async () => {
		const leaf = (path: string) => ({ isFile: true, name: path.split('/').at(-1), fullPath: path, file: (take: (file: File) => void) => take(file(path)) }); // prettier-ignore
		const folder = (name: string, batches: unknown[][]) => ({
			...{ isFile: false, isDirectory: true, name, fullPath: `/${name}` },
			createReader: () => {
				const left = [...batches];
				return { readEntries: (take: (entries: unknown[]) => void) => take(left.shift() ?? []) };
			},
		});
		const tiny = folder('tiny', [[leaf('/tiny/config.json'), folder('.git', [[leaf('/tiny/.git/x')]])], [folder('sub', [[leaf('/tiny/sub/y')]])]]); // prettier-ignore
		const items = [{ webkitGetAsEntry: () => tiny }] as unknown as DataTransferItemList;
		const given = await givenByDrop([file('tiny')], items);
		expect([given.name, given.files.map(({ path }) => path)]).toEqual(['tiny', ['tiny/config.json', 'tiny/sub/y']]);
		const plain = [{ webkitGetAsEntry: () => null }] as unknown as DataTransferItemList;
		expect((await givenByDrop([file('x.zip')], plain)).name).toBe('x.zip');
	});
});

test('nothing is compiled for WebLLM beside such a model: the judge says so in place of asking a server', async () => {
	const { experiment } = presetById('twin');
	const checkpoint = droppedName('ab'.repeat(32));
	const settings = { experiment: { ...experiment, model: { ...experiment.model, checkpoint } }, checkpointUrl: `${checkpoint}/` };
	const source = judgeSourceOf(settings as RunSettings);
	const adapter = { limits: {}, features: new Set(), info: {} } as unknown as GPUAdapter;
	const parts = { files: createModelFiles(async () => disk), find: async () => ({ adapter, description: 'a GPU', software: false }) };
	await expect(loadJudge(source, parts, () => {}, () => {}, new AbortController().signal)).rejects.toThrow(/nothing is compiled for WebLLM/); // prettier-ignore
});

test('the reader’s own files are not among those that were fetched', () => {
	const kept = (url: string) => ({ url, bytes: 1, complete: true });
	const models = storedModels([kept(`${droppedName('ab'.repeat(32))}/config.json`), kept('https://a.example/m/shard.bin')]);
	expect(models.map(({ folder }) => folder)).toEqual(['https://a.example/m']);
});
