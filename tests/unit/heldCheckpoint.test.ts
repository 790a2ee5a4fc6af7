/** The checkpoint of a worker while readers change their minds. */
import { expect, test, vi } from 'vitest';

import type { ReadFile } from '$lib/model/checkpoint';
import { wholeFile } from '$lib/model/partedFile';
import { heldCheckpoint, readUnless } from '$lib/worker/heldCheckpoint';

const LARGE = { url: 'large', precision: 'f32' } as const;
const SMALL = { url: 'small', precision: 'f32' } as const;

/** Holds what the test lets load, and notes in what order it is loaded and freed. */
function watched() {
	const log: string[] = [];
	const load = async (read: ReadFile, { url }: { url: string }) => {
		log.push(`load ${url}`);
		await wholeFile(await read('weights'));
		log.push(`loaded ${url}`);
		return url;
	};
	return { log, at: heldCheckpoint(load, (url: string) => log.push(`free ${url}`)) };
}

const ready: ReadFile = () => Promise.resolve(new Uint8Array(4));
/** A large file whose parts come when the test says so. */
function slow() {
	let come = () => {};
	const part = new Promise<ArrayBuffer>((resolve) => (come = () => resolve(new ArrayBuffer(4))));
	const read: ReadFile = () => Promise.resolve({ size: 4, slice: () => ({ arrayBuffer: () => part }) });
	return { read, come };
}

test('what is held is not loaded again, and makes way before another comes', async () => {
	const { log, at } = watched();
	expect(await at(LARGE, ready)).toBe('large');
	expect(await at({ ...LARGE }, ready)).toBe('large');
	await at(SMALL, ready);
	await at({ ...SMALL, precision: 'int8' }, ready);
	expect(log).toEqual([
		'load large',
		'loaded large',
		'free large',
		'load small',
		'loaded small',
		'free small',
		'load small',
		'loaded small',
	]);
});

test('a slow model that was asked for first does not take the place of the one that was asked for last', async () => {
	const { log, at } = watched();
	const { read, come } = slow();
	const [large, small] = [at(LARGE, read), at(SMALL, ready)];
	come();
	await Promise.all([large, small]);
	expect(log.slice(-3)).toEqual(['free large', 'load small', 'loaded small']);
	await at(SMALL, ready);
	expect(log.slice(-1)).toEqual(['loaded small']); // it is still there
});

test('whoever is called off in the middle of a file keeps nobody waiting, and nothing is held of it', async () => {
	const { log, at } = watched();
	const controller = new AbortController();
	const large = at(LARGE, readUnless(controller.signal, slow().read));
	const small = at(SMALL, ready);
	await Promise.resolve();
	controller.abort(new Error('called off'));
	await expect(large).rejects.toThrow('called off');
	expect(await small).toBe('small');
	expect(log).toEqual(['load large', 'load small', 'loaded small']);
});

test('after a model that could not be loaded the next one is', async () => {
	const { at } = watched();
	await at(SMALL, ready);
	await expect(at(LARGE, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
	expect(await at(SMALL, ready)).toBe('small');
});

test('a file keeps its size and hash, and a read that was called off before it began asks for nothing', async () => {
	const controller = new AbortController();
	const file = { size: 3, sha256: 'ab', slice: () => ({ arrayBuffer: () => Promise.resolve(new ArrayBuffer(3)) }) };
	const reads = vi.fn(() => Promise.resolve(file));
	const read = readUnless(controller.signal, reads);
	expect(await read('weights')).toMatchObject({ size: 3, sha256: 'ab' });
	controller.abort(new Error('called off'));
	await expect(read('weights')).rejects.toThrow('called off');
	expect(reads).toHaveBeenCalledOnce();
});
