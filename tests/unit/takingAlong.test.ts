/** Taking a memory along into the next run. */
import { describe, expect, it, vi } from 'vitest';

import type { MemoryFile, Recalled } from '$lib/conscience/memory';
import { memoryFile, memoryLines } from '$lib/experiment/memoryFile';
import { TakingAlong } from '$lib/state/takingAlong.svelte';

import { trajectory } from './trajectories';

async function known(question: string, contributor: string, kinder = false): Promise<Recalled> {
	const alternative = kinder ? { answer: 'Help.', verdict: (await trajectory()).verdict } : null;
	const one = await trajectory({ question, alternative });
	return { ...one, contributor, agreed: 'unethical', alternativeAgreed: kinder, depositedAt: 7, benefits: [] };
}

function taking(read: () => Promise<string>) {
	const use = vi.fn<(file: MemoryFile) => void>();
	return { use, taking: new TakingAlong(async () => ({ text: await read(), fileName: 'memory of Ethics.jsonl' }), use) };
}

describe('taking a memory along', () => {
	it('tells what came, and gives the file with its digest when it is taken', async () => {
		const all = [await known('a', 'ann'), await known('b', 'bob', true), await known('c', 'ann')];
		const { use, taking: along } = taking(async () => memoryLines(all));
		await along.fetch();
		const file = await memoryFile('memory of Ethics.jsonl', all);
		expect(along.known).toMatchObject({ file: { digest: file.digest }, better: 1, contributors: 2, faults: 0, firstFault: null });
		expect(along.known!.file.trajectories).toHaveLength(3);
		expect(new TextDecoder().decode(along.bytes())).toBe(memoryLines(all));
		expect(use).not.toHaveBeenCalled();
		along.take();
		expect(use.mock.calls).toEqual([[along.known!.file]]);
	});

	it('knows nothing where there is nothing, and says why nothing can be used', async () => {
		const empty = taking(async () => '').taking;
		await empty.fetch();
		expect(empty.known?.file.trajectories).toEqual([]);
		const broken = taking(async () => '{"kind":"remembered"}\n');
		await broken.taking.fetch();
		expect(broken.taking).toMatchObject({ known: null, busy: false, fault: expect.stringContaining('line 1') as string });
		broken.taking.take();
		expect(broken.use).not.toHaveBeenCalled();
	});

	it('uses what can be used, and tells of the rest; and of a server that does not answer', async () => {
		const one = await known('a', 'ann');
		const { taking: along } = taking(async () => `${memoryLines([one])}no line\n`);
		await along.fetch();
		expect(along.known!.file.digest).toBe((await memoryFile('', [one])).digest);
		expect(along.known).toMatchObject({ faults: 1, firstFault: expect.stringContaining('line 2') as string });
		const away = taking(() => Promise.reject(new Error('The class server does not answer.'))).taking;
		await away.fetch();
		expect(away.fault).toBe('The class server does not answer.');
	});
});
