/**
 * `npm run bench -- judge`: verdicts a second and the time to the first one, WebLLM against the frozen copy in the trainer,
 * at equal prompts in one Chromium. The engines take turns, so that a machine that slows down slows all of them.
 */
import { parseArgs } from 'node:util';

import { chromium, type Page } from 'playwright';

import { median } from '$lib/model/timing';

import { CHROMIUM_FLAGS, ensureChromium } from '../scripts/chromium.mjs';
import { buildJudgePage, serveJudgePage } from '../tests/e2e/judgeSite';
import type { OnPage } from '../tests/e2e/judgePage';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		engines: { type: 'string', default: 'webllm,wasm,webgpu' },
		out: { type: 'string', default: 'bench/results/judge.json' },
	},
});
const BATCHES = [1, 8, 32];
/** Verdicts of one engine in a round, for each size of a call. */
const VERDICTS = 32;

declare global {
	var judging: OnPage;
}

interface Measured {
	engine: string;
	/** From the first byte on, with all that it loads and compiles. */
	secondsToFirst: number;
	verdictsPerSecond: Record<number, number>;
	tokens: { read: number; written: number };
}

/** One engine on a page of its own, with nothing kept from before. */
async function measure(page: Page, origin: string, engine: string): Promise<Measured> {
	await page.goto(origin);
	await page.waitForFunction(() => 'judging' in globalThis);
	return page.evaluate(
		async ({ origin, engine, batches, count }) => {
			const { exchanges, framework, frozenSelf, openJudge } = globalThis.judging;
			const items = exchanges(count);
			const start = performance.now();
			const opened = engine === 'webllm' ? await openJudge() : null; // a function with a name would not survive tsx and the way to the page
			await opened?.load({ kind: 'folder', url: `${origin}/organism/webllm/`, name: 'organism' });
			const judge = opened?.judge ?? (await frozenSelf(`${origin}/organism/`, engine as 'wasm' | 'webgpu'));
			await judge.verdicts(items.slice(0, 1), framework);
			const secondsToFirst = (performance.now() - start) / 1000;
			const { tokens } = await judge.verdicts(items, framework); // and a warm-up
			const verdictsPerSecond: Record<number, number> = {};
			for (const batch of batches) {
				const begun = performance.now();
				for (let i = 0; i < count; i += batch) await judge.verdicts(items.slice(i, i + batch), framework);
				verdictsPerSecond[batch] = (1000 * count) / (performance.now() - begun);
			}
			return { engine, secondsToFirst, verdictsPerSecond, tokens };
		},
		{ origin, engine, batches: BATCHES, count: VERDICTS },
	);
}

const server = await serveJudgePage(await buildJudgePage());
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: CHROMIUM_FLAGS });
const rounds: Measured[] = [];
try {
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const engine of values.engines.split(',')) {
			const page = await browser.newPage(); // a context of its own: nothing is kept from the round before
			const measured = await measure(page, server.origin, engine);
			await page.close();
			rounds.push(measured);
			const speeds = BATCHES.map((batch) => `${measured.verdictsPerSecond[batch]!.toFixed(2)} (${batch})`).join(', ');
			console.log(
				`${engine}: first verdict after ${measured.secondsToFirst.toFixed(1)} s, then verdicts a second, by the size of a call: ${speeds}`,
			);
		}
	}
} finally {
	await browser.close();
	await server.close();
}
const rows = values.engines.split(',').map((engine) => {
	const own = rounds.filter((measured) => measured.engine === engine);
	const speeds = BATCHES.map((batch): [string, number] => [
		`verdicts a second, ${batch} a call`,
		Number(median(own.map(({ verdictsPerSecond }) => verdictsPerSecond[batch]!)).toFixed(2)),
	]);
	const { read, written } = own[0]!.tokens;
	return {
		engine,
		'seconds to the first verdict': Number(median(own.map(({ secondsToFirst }) => secondsToFirst)).toFixed(1)),
		...Object.fromEntries(speeds),
		'tokens a verdict': Number(((read + written) / VERDICTS).toFixed(1)),
	};
});
console.table(rows);
const report = {
	what: 'Verdicts of the organism on answers of its world: WebLLM with the compiled organism, against the frozen self on tfjs, in one Chromium.',
	how: `${values.rounds} rounds, engines in turn, each on a fresh page with nothing kept; ${VERDICTS} verdicts after as many of warm-up; the median of rounds.`,
	...{ date: today(), processor: processor(), adapter: 'SwiftShader, on the same cores' },
	rows,
};
writeReport(values.out, report);
