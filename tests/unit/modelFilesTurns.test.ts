import { describe, expect, test, vi } from 'vitest';

import type { ModelFile } from '$lib/storage/modelFiles';

import { BYTES, contentOf, disk, filesIn, server } from './modelFilesHere';

const files = () => filesIn(disk);

describe('a download that is cancelled', () => {
	const reason = new DOMException('The reader has had enough.', 'AbortError');

	test('ends at once, and goes on later', async () => {
		const file = server.serve({ bytes: BYTES, etag: '"1"', stall: (nth) => (nth === 0 ? 80_000 : undefined) });
		const cancel = new AbortController();
		const opened = files().open(file, { signal: cancel.signal, onBytes: (bytes) => bytes >= 80_000 && cancel.abort(reason) });
		await expect(opened).rejects.toBe(reason);
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(server.asked.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=80000-']);
	});

	test('before it began asks for nothing', async () => {
		await expect(files().open(server.serve({ bytes: BYTES }), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
		expect(server.asked).toEqual([]);
	});

	test('does not wait for the next try', async () => {
		const file = server.serve({ bytes: BYTES, status: () => 503 });
		const cancel = new AbortController();
		const opened = filesIn(disk, [60_000]).open(file, { signal: cancel.signal });
		await vi.waitFor(() => expect(server.asked).toHaveLength(1));
		setTimeout(() => cancel.abort(reason), 20);
		await expect(opened).rejects.toBe(reason);
	});
});

/** Web Locks, as far as they are used here. */
function fakeLocks() {
	const last = new Map<string, Promise<unknown>>();
	return {
		async request(name: string, { signal }: { signal?: AbortSignal }, work: () => Promise<unknown>) {
			const before = last.get(name);
			const turn = Promise.race([
				Promise.resolve(before).catch(() => {}),
				new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
			]).then(work);
			last.set(name, Promise.allSettled([before, turn]));
			return turn;
		},
	};
}

test('of several who want a file one downloads, and the others find it; who waits may go', async () => {
	vi.stubGlobal('navigator', { locks: fakeLocks() });
	const file: ModelFile = server.serve({ bytes: BYTES });
	const cancel = new AbortController();
	const [one, gone, two] = [files().open(file), files().open(file, { signal: cancel.signal }), files().open(file)];
	cancel.abort(new DOMException('gone', 'AbortError'));
	await expect(gone).rejects.toThrow('gone');
	expect([await contentOf(await one), await contentOf(await two)]).toEqual([file.sha256, file.sha256]);
	expect(server.asked).toHaveLength(1);
});
