import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { actionOf, KEYS } from '$lib/components/shell/keys';
import { momentInWords } from '$lib/components/shell/moment';
import { placeBeside } from '$lib/components/shell/place';
import { STOPS } from '$lib/components/shell/tour';
import { Display } from '$lib/state/display.svelte';
import type { Memory } from '$lib/state/memory';

/** A memory that lasts as long as a test. */
function memory(): Memory {
	const kept = new Map<string, string>();
	return { read: (key) => kept.get(key) ?? null, write: (key, value) => void kept.set(key, value) };
}

describe('the display', () => {
	test('remembers theme, keys and tour from visit to visit, and forgets the projector', () => {
		const browser = memory();
		const first = new Display(browser);
		expect([first.theme, first.keys, first.offersTour, first.projector]).toEqual(['system', true, true, false]);
		first.theme = 'dark';
		first.keys = false;
		first.projector = true;
		first.endTour();
		const second = new Display(browser);
		expect([second.theme, second.keys, second.offersTour, second.projector]).toEqual(['dark', false, false, false]);
	});

	test('takes a theme that it does not know for none', () => {
		const browser = memory();
		browser.write('theme', 'sepia');
		expect(new Display(browser).theme).toBe('system');
	});

	test('offers the tour until it was taken or declined, and starts it at any time', () => {
		const display = new Display(memory());
		display.projector = true;
		display.startTour();
		expect([display.stop, display.projector, display.offersTour]).toEqual([0, false, false]);
		display.endTour();
		expect([display.stop, display.offersTour]).toEqual([null, false]);
		display.startTour();
		expect(display.stop).toBe(0);
	});
});

describe('a key', () => {
	const press = (key: string, inside: string[] = [], other: object = {}) =>
		actionOf({
			key,
			ctrlKey: false,
			altKey: false,
			metaKey: false,
			repeat: false,
			defaultPrevented: false,
			// As `closest` answers for an element inside of these.
			target: { closest: (selector: string) => (inside.some((tag) => selector.includes(tag)) ? ({} as Element) : null) },
			...other,
		});

	test('does what the list says', () => {
		expect(KEYS.map(({ value }) => press(value))).toEqual(['play', 'step', 'reset', 'projector', 'help']);
		expect(press('x')).toBeNull();
	});

	test('belongs to a field that is typed into, to a dialog, and to whoever has used it', () => {
		for (const { value } of KEYS) {
			expect(press(value, ['textarea'])).toBeNull();
			expect(press(value, ['dialog'])).toBeNull();
			expect(press(value, [], { defaultPrevented: true })).toBeNull();
			expect(press(value, [], { ctrlKey: true })).toBeNull();
			expect(press(value, [], { repeat: true })).toBeNull();
		}
	});

	test('space presses a button; arrows and space steer a grid; letters are free in both', () => {
		expect([press(' ', ['button']), press('ArrowRight', ['button'])]).toEqual([null, 'step']);
		expect([press(' ', ['grid']), press('ArrowRight', ['grid']), press('r', ['grid'])]).toEqual([null, null, 'reset']);
	});
});

describe('the card of the tour', () => {
	const size = (least: number, most: number) => fc.record({ width: fc.integer({ min: least, max: most }), height: fc.integer({ min: least, max: most }) }); // prettier-ignore
	const box = fc.tuple(size(10, 3000), fc.integer({ min: -1000, max: 2000 }), fc.integer({ min: -1000, max: 2000 })).map(([box, left, top]) => ({ ...box, left, top })); // prettier-ignore

	test('is whole in the window, wherever what it tells of lies', () => {
		fc.assert(
			fc.property(box, size(100, 340), size(400, 2000), (target, card, window) => {
				const { left, top } = placeBeside(target, card, window);
				expect(left).toBeGreaterThanOrEqual(0);
				expect(top).toBeGreaterThanOrEqual(0);
				expect(left + card.width).toBeLessThanOrEqual(window.width);
				expect(top + card.height).toBeLessThanOrEqual(window.height);
			}),
		);
	});

	test('does not cover what it tells of where there is room beside it', () => {
		const card = { width: 384, height: 220 };
		expect(placeBeside({ left: 0, top: 100, width: 300, height: 600 }, card, { width: 1280, height: 800 }).left).toBeGreaterThan(300);
		expect(placeBeside({ left: 900, top: 100, width: 360, height: 600 }, card, { width: 1280, height: 800 }).left).toBeLessThan(900 - 384);
		expect(placeBeside({ left: 0, top: 100, width: 390, height: 100 }, { ...card, width: 376 }, { width: 400, height: 800 }).top).toBeGreaterThan(200); // prettier-ignore
		const bar = { left: 0, top: 690, width: 400, height: 110 };
		expect(placeBeside(bar, { ...card, width: 376 }, { width: 400, height: 800 }).top).toBeLessThan(690 - 220);
	});

	test('has seven stops, each with a part of the page of its own', () => {
		expect(STOPS).toHaveLength(7);
		expect(new Set(STOPS.map(({ part }) => part)).size).toBe(7);
	});
});

test('a moment is said as a person says it', () => {
	const now = new Date(2026, 4, 4, 9, 30).getTime();
	expect(momentInWords(new Date(2026, 4, 4, 8, 5).getTime(), now)).toBe('today, 8:05');
	expect(momentInWords(new Date(2026, 4, 3, 23, 59).getTime(), now)).toBe('yesterday, 23:59');
	expect(momentInWords(new Date(2026, 4, 1, 14, 2).getTime(), now)).toBe('1 May, 14:02');
	expect(momentInWords(new Date(2025, 11, 31, 14, 2).getTime(), now)).toBe('31 December 2025, 14:02');
});
