import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { componentPart, loadWhenIdle, Part } from '$lib/part.svelte';
import { watchStyles } from '$lib/styles';

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

describe('the part that a component is', () => {
	/** Style sheets that the server does not give now. */
	const missing = new Set<string>();
	let page: FakePage;

	class FakeLink extends EventTarget {
		rel = '';
		href = '';
		remove() {
			page.links = page.links.filter((link) => link !== this);
		}
	}

	/** What of a browser's page style sheets need: each that is added comes, or tells that it doesn't, first to the window. */
	class FakePage extends EventTarget {
		links: FakeLink[] = [];
		head = { append: (link: FakeLink) => this.add(link) };
		createElement = () => new FakeLink();
		querySelectorAll = () => this.links;

		add(link: FakeLink) {
			this.links.push(link);
			queueMicrotask(() => {
				const kind = missing.has(link.href) ? 'error' : 'load';
				if (kind === 'error') this.dispatchEvent(Object.defineProperty(new Event(kind), 'target', { value: link }));
				link.dispatchEvent(new Event(kind));
			});
		}
	}

	beforeEach(() => {
		page = new FakePage();
		missing.clear();
		vi.stubGlobal('document', page);
		vi.stubGlobal('window', page);
		vi.stubGlobal('HTMLLinkElement', FakeLink);
		watchStyles();
	});

	/** A module whose style sheets are asked for as Vite does: each once, by the first who needs it. */
	const seen = new Set<string>();
	const module = (name: string, styles: string[]) => async () => {
		const asked = styles
			.filter((href) => !seen.has(href))
			.map((href) => {
				seen.add(href);
				const link = Object.assign(new FakeLink(), { rel: 'stylesheet', href });
				page.add(link);
				return new Promise<void>((resolve, reject) => {
					link.addEventListener('load', () => resolve());
					link.addEventListener('error', () => reject(new Error(`Unable to preload CSS for ${href}`)));
				});
			});
		await Promise.all(asked);
		return { default: name };
	};
	const stylesHere = () => page.links.map(({ href }) => href).sort();

	test('is its module’s default', async () => {
		const part = componentPart(async () => ({ default: 'component' }));
		await part.load();
		expect(part.here).toBe('component');
	});

	test('does not come without the style sheet that it was the first to ask for, and comes with it when it is tried again', async () => {
		const part = componentPart(module('chart', ['a.css', 'b.css']));
		missing.add('b.css');
		await part.load();
		expect([part.here, part.fault]).toEqual([null, 'Unable to preload CSS for b.css']);
		await part.load(); // Vite would say that all is there
		expect([part.here, part.fault]).toEqual([null, 'Failed to fetch the style sheet b.css']);
		missing.clear();
		await part.load();
		expect([part.here, part.fault]).toEqual(['chart', null]);
		expect(stylesHere()).toEqual(['a.css', 'b.css']);
	});

	test('comes whatever else stays lost; what it shares with a part that did not come is fetched again beside it', async () => {
		const [first, second, third] = [['c.css', 'shared.css'], ['d.css', 'shared.css'], []].map((styles, i) => componentPart(module(`part ${i}`, styles))) as [Part<string>, Part<string>, Part<string>]; // prettier-ignore
		missing.add('c.css').add('shared.css');
		await first.load();
		expect(first.here).toBeNull();
		await third.load();
		expect([third.here, third.fault]).toEqual(['part 2', null]);
		missing.delete('shared.css');
		await second.load();
		expect([second.here, second.fault]).toEqual(['part 1', null]);
		await vi.waitFor(() => expect(stylesHere()).toEqual(['d.css', 'shared.css']));
		await Promise.all([first.load(), first.load()]);
		expect([first.here, first.fault]).toEqual([null, 'Failed to fetch the style sheet c.css']);
		missing.clear();
		await first.load();
		expect(first.here).toBe('part 0');
		expect(stylesHere()).toEqual(['c.css', 'd.css', 'shared.css']); // each once
	});
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
