import { expect, test, vi } from 'vitest';

import { presetById } from '$lib/experiment/presets';
import type { Experiment } from '$lib/experiment/schema';
import { Models } from '$lib/state/models.svelte';
import type { ModelOutlook } from '$lib/worker/modelsProtocol';

const COMMIT = 'c'.repeat(40);
const NAME = { hub: 'https://huggingface.co', id: 'a/b', revision: COMMIT };
const OUTLOOK: ModelOutlook = {
	...{ name: NAME, folder: `https://huggingface.co/a/b/resolve/${COMMIT}`, license: 'mit', gated: false, locked: null, family: 'llama' },
	...{ parameters: 1, totalBytes: 100, missingBytes: 90, kept: true },
};

type Answer = (params: never) => unknown;
/** A worker that answers so; what it was asked. */
function fakeWorker(answers: Record<string, Answer>) {
	const asked: { kind: string; params: Record<string, unknown> }[] = [];
	const listeners: Record<string, ((event: unknown) => void)[]> = {};
	const tell = (data: unknown) => listeners['message']?.forEach((listener) => listener({ data }));
	const port = {
		addEventListener: (kind: string, listener: (event: unknown) => void) => (listeners[kind] ??= []).push(listener),
		postMessage: ({ id, kind, params }: { id: number; kind: string; params: Record<string, unknown> }) => {
			asked.push({ kind, params });
			void (async () => {
				try {
					tell({ kind: 'result', id, result: await answers[kind]?.(params as never) });
				} catch (error) {
					tell({ kind: 'error', id, error: { name: (error as Error).name, message: (error as Error).message } });
				}
			})();
		},
		terminate: vi.fn(),
	};
	const emit = (event: unknown) => tell({ kind: 'event', event });
	const die = () => listeners['error']?.forEach((listener) => listener({ message: 'gone' }));
	return { asked, port, emit, die };
}

function modelsWith(answers: Record<string, Answer>) {
	const worker = fakeWorker({ look: () => OUTLOOK, list: () => [], fit: () => null, ...answers });
	const lab = { experiment: presetById('twin').experiment, engine: 'auto' as const, load: vi.fn<(experiment: Experiment) => void>() };
	const persist = vi.fn(async () => true);
	const connect = vi.fn(() => worker.port);
	return { models: new Models(connect, lab, persist), worker, lab, persist, connect };
}

const looks = ({ asked }: { asked: { kind: string; params: Record<string, unknown> }[] }) =>
	asked.filter(({ kind }) => kind === 'look').map(({ params }) => params);

test('what is typed is looked up with the token, and the page that was given names hub and revision', async () => {
	const { models, worker } = modelsWith({});
	models.hub = 'https://mirror.example/';
	models.token = ' hf_x ';
	await models.look({ id: 'https://mirror.example/a/b/tree/v1' });
	expect(looks(worker)).toEqual([{ name: { hub: 'https://mirror.example', id: 'a/b', revision: 'v1' }, token: 'hf_x' }]);
	expect([models.hub, models.id, models.outlook]).toEqual(['https://mirror.example', 'a/b', OUTLOOK]);
	const fit = worker.asked.find(({ kind }) => kind === 'fit')!;
	expect((fit.params['experiment'] as Experiment).model.checkpoint).toBe(OUTLOOK.folder);
	await models.look(); // pressed again, now that the fields say what the address said
	expect(looks(worker)[1]).toEqual(looks(worker)[0]);
	await models.look({ id: 'https://mirror.example/c/d/tree/main' }); // also where that is the usual one, and another stood in the field
	await models.look();
	expect(looks(worker).slice(2)).toMatchObject([{ name: { id: 'c/d', revision: 'main' } }, { name: { id: 'c/d', revision: 'main' } }]);
});

test('a token is shown to the hub for which it was typed, and to no other', async () => {
	const { models, worker } = modelsWith({});
	models.token = 'hf_x';
	await models.look({ id: 'https://other.example/a/b' });
	expect(looks(worker)[0]!['token']).toBeNull();
	expect([models.token, models.tokenNote]).toEqual(['', expect.stringContaining('not shown to https://other.example')]);
	models.token = 'its own';
	await models.look({ id: 'a/b' });
	expect(looks(worker)[1]).toMatchObject({ name: { hub: 'https://other.example' }, token: 'its own' });
	expect(models.tokenNote).toBeNull();
	models.hub = 'https://third.example';
	await models.look();
	expect(looks(worker)[2]!['token']).toBeNull();
});

test('a token goes nowhere without https, but to this machine', async () => {
	const { models, worker } = modelsWith({});
	for (const [hub, sent] of [
		['http://school.example', null],
		['http://localhost:8080', 'hf_x'],
		['http://127.0.0.1:8080', 'hf_x'],
	] as const) {
		models.hub = hub;
		models.token = 'hf_x';
		await models.look({ id: 'a/b' });
		expect(looks(worker).at(-1)!['token']).toBe(sent);
		expect(models.tokenNote === null).toBe(sent !== null);
	}
});

test('a name that is none, and what the hub refuses, are told', async () => {
	const { models, worker } = modelsWith({ look: () => Promise.reject(new Error('no such model')) });
	await models.look({ id: 'gpt2' });
	expect([models.fault?.text, worker.asked.filter(({ kind }) => kind === 'look')]).toEqual([
		expect.stringContaining("'gpt2' is no name"),
		[],
	]);
	await models.look({ id: 'a/b' });
	expect([models.fault, models.outlook, models.working]).toEqual([
		{ title: 'This model can’t be used.', text: 'no such model' },
		null,
		null,
	]);
});

test('a download tells how far it is and what it waits for, asks that it may stay, and a cancel is no fault', async () => {
	let end: (error: Error) => void = () => {};
	const download = () => new Promise((_, reject) => (end = reject));
	const { models, worker, persist, lab } = modelsWith({ download });
	await models.look({ id: 'a/b' });
	expect(models.ready).toBe(false);
	const downloading = models.download();
	expect(persist).toHaveBeenCalledOnce();
	worker.emit({ kind: 'files', loadedBytes: 10, totalBytes: 100, secondsLeft: 9 });
	worker.emit({ kind: 'waiting', seconds: 30 });
	expect([models.working, models.progress?.loadedBytes, models.waiting]).toEqual(['download', 10, 30]);
	end(new DOMException('cancelled', 'AbortError'));
	await downloading;
	expect([models.working, models.waiting, models.fault]).toEqual([null, null, null]);
	models.use();
	expect(lab.load.mock.calls[0]![0].conscience.judge).toBe('frozen-self');
});

test('what is deleted while it is fetched is called off first', async () => {
	let end: (error: Error) => void = () => {};
	const order: string[] = [];
	const { models } = modelsWith({
		download: () => new Promise((_, reject) => (end = reject)),
		cancel: () => {
			order.push('cancel');
			end(new DOMException('cancelled', 'AbortError'));
		},
		remove: () => void order.push('remove'),
	});
	await models.look({ id: 'a/b' });
	const downloading = models.download();
	await models.remove({ folder: OUTLOOK.folder, name: NAME, bytes: 10, partial: true });
	await downloading;
	expect([order, models.outlook, models.working, models.fault]).toEqual([['cancel', 'remove'], null, null, null]);
});

test('a worker that is gone is told of, and the next question starts another', async () => {
	const { models, worker, connect } = modelsWith({ download: () => new Promise(() => {}) });
	await models.look({ id: 'a/b' });
	const downloading = models.download();
	worker.die();
	await downloading;
	expect(models.fault).toEqual({ title: 'The download has stopped.', text: 'gone' });
	expect(connect.mock.calls.length).toBeGreaterThan(1);
});
