import { expect, test } from 'vitest';

import type { LabEvent, Requests } from '$lib/worker/protocol';
import { emitter, type Handlers, LabClient, serve } from '$lib/worker/rpc';

const nothing = async () => {};

/** Both ends in one thread over a real MessageChannel, so that structured clone is exercised without a worker. */
function connect(overrides: Partial<Handlers> = {}) {
	const { port1, port2 } = new MessageChannel();
	const events: LabEvent[] = [];
	const failures: Error[] = [];
	const emit = emitter(port2);
	serve<Requests>(port2, {
		open: async () => ({ backend: { name: 'wasm', reason: 'because', adapter: null, software: false }, parameters: 7 }),
		play: async ({ runId }) => {
			emit({ kind: 'download', runId, loadedBytes: 1, totalBytes: null });
			return { status: 'finished' };
		},
		step: async () => ({ status: 'paused' }),
		pause: nothing,
		cancel: nothing,
		adjust: nothing,
		pace: nothing,
		ask: async () => ({ answers: [] }),
		connectJudge: nothing,
		selfJudged: async () => Promise.reject(new Error('Nobody asks for that.')),
		exportMerged: async () => ({ zip: new Blob() }),
		exportAdapter: async () => {
			throw new RangeError('no such run');
		},
		...overrides,
	});
	const client = new LabClient(
		port1,
		(event) => events.push(event),
		(error) => failures.push(error),
	);
	port1.start();
	port2.start();
	return { client, events, failures, port: port1, close: () => port1.close() };
}

test('a request gets its own answer, and events come before it', async () => {
	const { client, events, close } = connect();
	const [played, stepped] = await Promise.all([client.request('play', { runId: 'a' }), client.request('step', { runId: 'a' })]);
	expect([played, stepped]).toEqual([{ status: 'finished' }, { status: 'paused' }]);
	expect(events).toEqual([{ kind: 'download', runId: 'a', loadedBytes: 1, totalBytes: null }]);
	close();
});

test('an error keeps its name across the boundary', async () => {
	const { client, close } = connect();
	await expect(client.request('exportAdapter', { runId: 'x' })).rejects.toMatchObject({ name: 'RangeError', message: 'no such run' });
	close();
});

test('an aborted request keeps the name AbortError, and what is thrown without being an error still arrives', async () => {
	const { client, close } = connect({
		open: async () => AbortSignal.abort().throwIfAborted() as never,
		step: async () => {
			throw 'a word'; // eslint-disable-line @typescript-eslint/only-throw-error -- a library may throw anything
		},
	});
	await expect(client.request('open', {} as never)).rejects.toMatchObject({ name: 'AbortError' });
	await expect(client.request('step', { runId: 'a' })).rejects.toMatchObject({ name: 'Error', message: 'a word' });
	close();
});

test('calls whose worker dies are rejected, and so are those that come later', async () => {
	const { client, failures, close } = connect({ pause: () => new Promise(() => {}) });
	const paused = client.request('pause', { runId: 'a' });
	client.fail(new Error('worker crashed'));
	client.fail(new Error('a second time'));
	await expect(paused).rejects.toThrow('worker crashed');
	await expect(client.request('play', { runId: 'a' })).rejects.toThrow('worker crashed');
	expect(failures.map(({ message }) => message)).toEqual(['worker crashed']);
	close();
});

test('an error event of the port fails the calls that wait', async () => {
	const { client, failures, port, close } = connect({ play: () => new Promise(() => {}) });
	const played = client.request('play', { runId: 'a' });
	port.dispatchEvent(Object.assign(new Event('error'), { message: 'Uncaught Error: boom' }));
	await expect(played).rejects.toMatchObject({ name: 'WorkerLostError', message: 'Uncaught Error: boom' });
	expect(failures).toHaveLength(1);
	close();
});

test('parameters that cannot be cloned reject their own request and no other', async () => {
	const { client, close } = connect();
	await expect(client.request('step', { runId: (() => {}) as never })).rejects.toMatchObject({ name: 'DataCloneError' });
	expect(await client.request('step', { runId: 'a' })).toEqual({ status: 'paused' });
	close();
});
