import { afterEach, expect, test, vi } from 'vitest';

import { componentPart, loadWhenIdle, Part } from '$lib/part.svelte';

afterEach(() => vi.unstubAllGlobals());

test('a part is fetched once, however often it is asked for', async () => {
	const fetch = vi.fn(async () => 'chart');
	const part = new Part(fetch);
	expect(part.here).toBeNull();
	await Promise.all([part.load(), part.load()]);
	await part.load();
	expect(part.here).toBe('chart');
	expect(fetch).toHaveBeenCalledTimes(1);
});

test('a part that does not come says why, and comes when it is tried again', async () => {
	const fetch = vi.fn(async () => 'chart').mockRejectedValueOnce(new TypeError('Failed to fetch'));
	const part = new Part(fetch);
	await part.load();
	expect([part.here, part.fault]).toEqual([null, 'Failed to fetch']);
	const again = part.load();
	expect(part.fault).toBeNull();
	await again;
	expect([part.here, part.fault]).toEqual(['chart', null]);
});

test('the component of a module is its default', async () => {
	const part = componentPart(async () => ({ default: 'component' }));
	await part.load();
	expect(part.here).toBe('component');
});

test.each(['with', 'without'])(
	'parts come one after the other when nothing else is to be done, in a browser %s idle times',
	async (which) => {
		if (which === 'with') vi.stubGlobal('requestIdleCallback', (work: () => void) => void setTimeout(work));
		const fetched: string[] = [];
		const partCalled = (name: string) =>
			new Part(async () => {
				fetched.push(`${name} begins`);
				await Promise.resolve();
				fetched.push(`${name} ends`);
				if (name === 'b') throw new Error('gone');
			});
		await loadWhenIdle(['a', 'b', 'c'].map(partCalled)); // one that fails keeps no other out
		expect(fetched).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
	},
);
