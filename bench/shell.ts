/**
 * `npm run bench -- shell`: what the page loads before it can be read and Run pressed, gzipped, and how long its main thread works until the
 * lab can be used: from the first byte until both copies are ready to run, on the built lab in Chromium.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { type Browser, chromium, type Page } from 'playwright';
import { preview } from 'vite';

import { median } from '$lib/model/timing';

import { CHROMIUM_FLAGS, ensureChromium } from '../scripts/chromium.mjs';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: { rounds: { type: 'string', default: '5' }, out: { type: 'string', default: 'bench/results/shell.json' } },
});
const SITE = 'dist';
/** The first story, in the engine and with the judge that every machine has. */
const LINK = '#/?engine=wasm&conscience.judge=frozen-self';

interface SiteFile {
	file: string;
	bytes: number;
}

const gzipped = (file: string): SiteFile => ({ file, bytes: gzipSync(readFileSync(path.join(SITE, file)), { level: 9 }).length });
const kilobytes = (files: readonly SiteFile[]) => rounded(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1000);
const rounded = (x: number) => Number(x.toPrecision(3));

/** The page itself, the scripts and styles that its head names, and every script that one of them imports before it runs. */
function shellFiles(): SiteFile[] {
	const html = readFileSync(path.join(SITE, 'index.html'), 'utf8');
	const files = new Set([...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, file]) => file!));
	for (const file of files) {
		if (!file.endsWith('.js')) continue;
		const script = readFileSync(path.join(SITE, file), 'utf8');
		for (const [, name] of script.matchAll(/(?:^|;)(?:import|export)[^;()]*?["']\.\/([^"']+\.js)["']/g)) files.add(`assets/${name!}`);
	}
	return ['index.html', ...files].map(gzipped);
}

/** Opens the page where nothing but its shell is ever answered. @throws when it can't be read then, or Run not pressed */
async function proveShell(browser: Browser, origin: string, shell: readonly SiteFile[]): Promise<void> {
	const page = await browser.newPage();
	const answered = new Set([origin, ...shell.map(({ file }) => `${origin}${file}`)]);
	await page.route('**/*', (route) => (answered.has(route.request().url()) ? route.continue() : undefined));
	await page.goto(origin, { waitUntil: 'commit' });
	await page.getByRole('heading', { level: 1 }).waitFor();
	await page.getByRole('radio').first().waitFor(); // the stories
	await page.getByRole('button', { name: 'Run', exact: true, disabled: false }).waitFor();
	await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
	await page.close();
}

/** Scripts and styles that a page just opened fetches after its first paint, until it has nothing more to fetch; its workers and their files are the engine. */
async function fetchedLater(browser: Browser, origin: string, shell: readonly SiteFile[]): Promise<SiteFile[]> {
	const page = await browser.newPage();
	await page.goto(`${origin}${LINK}`, { waitUntil: 'networkidle' });
	await ready(page);
	await page.waitForTimeout(3000); // for what waits until nothing else is to be done
	const urls = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
	await page.close();
	const files = urls.map((url) => url.slice(origin.length)).filter((file) => /^assets\/(?!.*worker).*\.(js|css)$/.test(file));
	return [...new Set(files)].filter((file) => !shell.some((other) => other.file === file)).map(gzipped);
}

const ready = (page: Page) => page.getByRole('group', { name: 'Run the experiment' }).getByText('ready').nth(1).waitFor();

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
	await page.goto(`${origin}${LINK}`);
	await ready(page);
	const seconds = (await taskSeconds()) - before;
	await context.close();
	return seconds;
}

const files = shellFiles();
const server = await preview({ preview: { port: 0 }, logLevel: 'warn' });
const origin = server.resolvedUrls!.local[0]!;
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: CHROMIUM_FLAGS });
const times: number[] = [];
let later: SiteFile[];
try {
	await proveShell(browser, origin, files);
	later = await fetchedLater(browser, origin, files);
	for (let round = 0; round < Number(values.rounds); round++) times.push(await timeToUse(browser, origin));
} finally {
	await browser.close();
	await server.close();
}
const report = {
	what: 'The shell: the page, its styles and every script that is fetched before it can be read and Run pressed, gzipped; and the time that its main thread works until both copies are ready to run, on wasm, from localhost.',
	how: `gzip at level 9, of all that the page’s head names and of what these scripts import; that nothing is missing is tried by opening the page where no other request is ever answered: it has to paint, with its stories and a Run that can be pressed. What is fetched after the first paint, while nobody waits for it, is counted beside it, without the workers (engine, model, judge). Of the time: ${values.rounds} first visits, their median and range.`,
	...{ date: today(), processor: processor(), adapter: null },
	'gzip, kB': kilobytes(files),
	'after the first paint, kB': kilobytes(later),
	'main thread, s': rounded(median(times)),
	from: rounded(Math.min(...times)),
	to: rounded(Math.max(...times)),
	files,
	later,
};
console.table(files);
console.log('After the first paint:');
console.table(later);
console.log(
	`${report['gzip, kB']} kB, and ${report['after the first paint, kB']} kB after the first paint; ${report['main thread, s']} s on the main thread (${report.from} to ${report.to})`,
);
writeReport(values.out, report);
process.exit(); // the preview's server keeps connections open
