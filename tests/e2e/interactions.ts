import { loadavg } from 'node:os';

import { expect, type Locator, type Page, test } from '@playwright/test';
import { max, quantile } from 'd3';

/** An interaction as the browser timed it: from the reader's press to the next picture, in ms. */
interface Timed {
	duration: number;
	/** Of it: until the page heard of it, and what the page did at once. The rest is the picture's. */
	parts: number[];
	/** What was pressed. */
	on: string;
}

declare global {
	interface Window {
		/** The slowest event of each interaction that was slower than the browser's least, by the interaction. */
		timedInteractions: Record<number, Timed>;
	}
	interface Performance {
		readonly interactionCount: number;
	}
}

/** The browser tells of no event that is faster than this, in ms; what it tells it rounds to 8. */
const LEAST = 16;

/** From the next page on the browser's own event timing is kept. */
export async function timeInteractions(page: Page): Promise<void> {
	await holdWhole(page);
	await page.addInitScript((durationThreshold) => {
		window.timedInteractions = {};
		const observer = new PerformanceObserver((list) => {
			for (const entry of list.getEntries() as PerformanceEventTiming[]) {
				const { interactionId, name, target, duration, startTime, processingStart, processingEnd } = entry;
				const known = window.timedInteractions[interactionId];
				if (interactionId === 0 || (known && known.duration >= duration)) continue;
				const element = target instanceof Element ? target : null;
				const label = element instanceof HTMLInputElement ? element.labels?.[0] : null;
				const named = label ?? element?.closest('[aria-label], button, label, summary') ?? element;
				const on = `${name} ${named?.getAttribute('aria-label') ?? named?.textContent ?? 'the page'}`;
				const parts = [processingStart - startTime, processingEnd - processingStart].map(Math.round);
				window.timedInteractions[interactionId] = { duration, parts, on: on.replace(/\s+/g, ' ').slice(0, 60) };
			}
		});
		observer.observe({ type: 'event', durationThreshold, buffered: true } as PerformanceObserverInit);
		observer.observe({ type: 'first-input', buffered: true });
	}, LEAST);
}

/**
 * Between two moves, in ms, as a reader makes them. Made at once, they would time the test: its search for the next element runs on the page,
 * before the picture that the last move is still waiting for.
 */
const REST = 300;

/** Presses key after key. */
export async function press(page: Page, ...keys: string[]) {
	for (const key of keys) {
		await page.keyboard.press(key);
		await page.waitForTimeout(REST);
	}
}

/** Goes there, and then clicks. */
export async function click(target: Locator) {
	await target.hover();
	await target.page().waitForTimeout(REST);
	await target.click();
	await target.page().waitForTimeout(REST);
}

/**
 * Makes the window larger than the page in it. Without a screen the window is as large as the page is to be, and its bars cover the lowest part:
 * what changes there is never drawn, and the browser tells of an event only at its next picture, whatever that is of.
 */
async function holdWhole(page: Page): Promise<void> {
	const cdp = await page.context().newCDPSession(page);
	const { windowId } = await cdp.send('Browser.getWindowForTarget');
	await cdp.send('Browser.setWindowBounds', { windowId, bounds: { width: 1600, height: 1200 } });
	await cdp.detach();
}

/** Forgets what was timed so far, and answers with how many interactions there were. */
async function beginTiming(page: Page): Promise<number> {
	return page.evaluate(() => {
		window.timedInteractions = {};
		return performance.interactionCount;
	});
}

/** How often the same is measured at most. */
const ROUNDS = 3;

/**
 * The 95th percentile of how long the page takes to answer, in ms, of what a reader does in `round`: at least `least` interactions. Measured
 * again where it is not below `limit`, and the best round counts. Whatever else the machine does takes the page's core away for a while
 * and can only add to the times, so the quickest round is the nearest to the page's own; a page that is slow is slow in each of them.
 */
export async function answerTime(page: Page, limit: number, least: number, round: () => Promise<void>): Promise<number> {
	let best = Infinity;
	for (let i = 0; i < ROUNDS && best >= limit; i++) {
		const before = await beginTiming(page);
		await round();
		const { count, p95 } = await interactionTimes(page, before);
		expect(count).toBeGreaterThanOrEqual(least);
		best = Math.min(best, p95);
	}
	return best;
}

/** How long interactions took since the page had had `before` of them, in ms; told in the test's report with the load of the machine. */
async function interactionTimes(page: Page, before: number): Promise<{ count: number; p95: number }> {
	await page.waitForTimeout(500); // the browser tells of an event after its picture
	const { count, timed } = await page.evaluate((before) => {
		return { count: performance.interactionCount - before, timed: Object.values(window.timedInteractions) };
	}, before);
	const durations = [...timed.map(({ duration }) => duration), ...Array<number>(Math.max(0, count - timed.length)).fill(LEAST)];
	const [median, p95] = [quantile(durations, 0.5)!, quantile(durations, 0.95)!];
	const slowest = timed
		.sort((a, b) => b.duration - a.duration)
		.slice(0, 20)
		.map(({ duration, parts, on }) => `${duration} ms (${parts.join(' + ')} + ${Math.round(duration - parts[0]! - parts[1]!)}): ${on}`);
	const told = `${count} interactions: median ${median}, p95 ${p95}, longest ${max(durations)} ms (load average ${loadavg()[0]!.toFixed(1)})`;
	console.log(told);
	test.info().annotations.push({ type: 'event timing', description: [told, ...slowest].join('\n') });
	return { count, p95 };
}
