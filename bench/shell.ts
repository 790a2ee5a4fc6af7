/**
 * `npm run bench -- shell`: what the page loads before it shows anything, gzipped, and how long its main thread works until the lab can be
 * used: from the first byte until both copies are ready to run, on the built lab in Chromium.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { type Browser, chromium } from 'playwright';
import { preview } from 'vite';

import { median } from '$lib/model/timing';

import { CHROMIUM_FLAGS, ensureChromium } from '../scripts/chromium.mjs';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: { rounds: { type: 'string', default: '5' }, out: { type: 'string', default: 'bench/results/shell.json' } },
});
const SITE = 'dist';

/** The page itself and all that its head names: scripts, styles, and what is fetched with them. */
function shellFiles(): { file: string; bytes: number }[] {
	const html = readFileSync(path.join(SITE, 'index.html'), 'utf8');
	const named = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, file]) => file!);
	return ['index.html', ...named].map((file) => ({ file, bytes: gzipSync(readFileSync(path.join(SITE, file)), { level: 9 }).length }));
}

/** Seconds of work on the main thread of a first visit until both copies are ready. */
async function timeToUse(browser: Browser, origin: string): Promise<number> {
	const context = await browser.newContext(); // nothing of the page is known to it
	const page = await context.newPage();
	const session = await context.newCDPSession(page);
	await session.send('Performance.enable');
	const taskSeconds = async () => {
		const { metrics } = await session.send('Performance.getMetrics');
		return metrics.find(({ name }) => name === 'TaskDuration')!.value;
	};
	const before = await taskSeconds();
	await page.goto(`${origin}#/?engine=wasm&conscience.judge=frozen-self`);
	await page.getByRole('group', { name: 'Run the experiment' }).getByText('ready').nth(1).waitFor();
	const seconds = (await taskSeconds()) - before;
	await context.close();
	return seconds;
}

const files = shellFiles();
const server = await preview({ preview: { port: 0 }, logLevel: 'warn' });
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: CHROMIUM_FLAGS });
const times: number[] = [];
try {
	for (let round = 0; round < Number(values.rounds); round++) times.push(await timeToUse(browser, server.resolvedUrls!.local[0]!));
} finally {
	await browser.close();
	await server.close();
}
const rounded = (x: number) => Number(x.toPrecision(3));
const report = {
	what: 'The page with all scripts and styles that its head names, gzipped; and the time that its main thread works until both copies are ready to run, on wasm, from localhost.',
	how: `gzip at level 9; ${values.rounds} first visits, their median and range.`,
	...{ date: today(), processor: processor(), adapter: null },
	'gzip, kB': rounded(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1000),
	'main thread, s': rounded(median(times)),
	from: rounded(Math.min(...times)),
	to: rounded(Math.max(...times)),
	files,
};
console.table(files);
console.log(`${report['gzip, kB']} kB; ${report['main thread, s']} s on the main thread (${report.from} to ${report.to})`);
writeReport(values.out, report);
process.exit(); // the preview's server keeps connections open
