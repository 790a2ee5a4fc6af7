import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';

import { createModelFiles } from '$lib/storage/modelFiles';
import { memoryFolder } from '$lib/storage/opfs';

import { sha256 } from './modelFilesServer';

afterEach(() => void vi.unstubAllGlobals());

/** A server in a function: each answer ends, in chunks of the given size, after the next of `cuts` bytes; then answers are whole. */
function cuttingFetch(bytes: Uint8Array<ArrayBuffer>, cuts: readonly number[], chunk: number, { ranges = true, etag = true } = {}) {
	let nth = 0;
	const served = { bytes: 0 };
	const fetch = async (_: string, { headers }: { headers: Record<string, string> }) => {
		const start = ranges ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
		const cut = cuts[nth++];
		let at = start;
		const end = Math.min(bytes.length, at + (cut ?? Infinity));
		const body = new ReadableStream({
			pull(stream) {
				if (at < end) {
					const part = bytes.slice(at, Math.min(at + chunk, end));
					at += part.length;
					served.bytes += part.length;
					stream.enqueue(part);
				} else if (cut === undefined) stream.close();
				else stream.error(new TypeError('cut'));
			},
		});
		const says = { ...(etag && { etag: '"1"' }), ...(start && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }) };
		return new Response(body, { status: start ? 206 : 200, headers: says });
	};
	return { fetch, served };
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => new Uint8Array(array));
const cuts = fc.array(fc.nat(400), { maxLength: 9 });

test('cut at any bytes, and opened again as often as that takes, a file comes out whole', async () => {
	await fc.assert(
		fc.asyncProperty(
			bytes,
			cuts,
			fc.integer({ min: 1, max: 100 }),
			fc.boolean(),
			fc.boolean(),
			async (whole, cuts, chunk, ranges, etag) => {
				const { fetch } = cuttingFetch(whole, cuts, chunk, { ranges, etag });
				vi.stubGlobal('fetch', fetch);
				const disk = memoryFolder();
				const file = { url: 'https://models.example/shard.bin', bytes: whole.length, sha256: sha256(whole) };
				for (let visits = 0; ; visits++) {
					expect(visits).toBeLessThanOrEqual(cuts.length);
					const blob = await createModelFiles(async () => disk, { pauses: [0, 0] }).open(file).catch((error: Error) => error); // prettier-ignore
					if (blob instanceof Error) expect(blob.name).toBe('DownloadError');
					else if (sha256(new Uint8Array(await blob.arrayBuffer())) === file.sha256) return;
					else throw new Error('What came out is not the file.');
				}
			},
		),
	);
});

test('by ranges no byte comes twice', async () => {
	await fc.assert(
		fc.asyncProperty(bytes, cuts, fc.integer({ min: 1, max: 100 }), async (whole, cuts, chunk) => {
			const { fetch, served } = cuttingFetch(whole, cuts, chunk);
			vi.stubGlobal('fetch', fetch);
			const file = { url: 'https://models.example/shard.bin', bytes: whole.length, sha256: sha256(whole) };
			await createModelFiles(async () => memoryFolder(), { pauses: cuts.map(() => 0) }).open(file);
			expect(served.bytes).toBe(whole.length);
		}),
	);
});
