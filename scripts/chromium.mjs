// Finds a Chromium with WebGPU for the tests, or installs one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright';

import { aptInstall, node, run } from './process.mjs';

/**
 * How the tests start Chromium. The new headless mode is the one that has WebGPU (the headless shell has not); SwiftShader is
 * an adapter in software, the same on every machine, with or without a graphics card. The rest keeps the browser off the network.
 */
export const CHROMIUM_FLAGS = [
	'--headless=new',
	'--no-sandbox',
	'--enable-unsafe-webgpu',
	'--use-webgpu-adapter=swiftshader',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

/** Names that Chromium goes by on a PATH, and where macOS and Windows keep it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'microsoft-edge'];
const FILES = [
	'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
	'/Applications/Chromium.app/Contents/MacOS/Chromium',
	...[process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA].flatMap((folder) =>
		folder ? [join(folder, 'Google/Chrome/Application/chrome.exe'), join(folder, 'Microsoft/Edge/Application/msedge.exe')] : [],
	),
];

/** Whether the program starts: a file may be there without the libraries it needs, or be a stub that points to a shop. @param {string} file */
function starts(file) {
	if (!existsSync(file)) return false;
	// On Windows `--version` opens a window instead of answering.
	return process.platform === 'win32' || spawnSync(file, ['--version'], { timeout: 20_000 }).status === 0;
}

/**
 * A Chromium of this machine: the one that CHROMIUM_PATH names, Playwright's own, or the system's; null where there is none.
 * @returns {string | null}
 */
export function findChromium() {
	if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
	const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/bin', '/snap/bin');
	const candidates = [chromium.executablePath(), ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...FILES];
	return candidates.find(starts) ?? null;
}

/** Downloads Playwright's Chromium; gives up after 45 s without a first byte, since its host is closed in many schools and firms. */
async function download() {
	console.log('Downloading Chromium with Playwright …');
	const stalled = new AbortController();
	const limit = setTimeout(() => stalled.abort(), 45_000);
	await run(node('playwright/cli.js', 'install', 'chromium', '--no-shell'), {
		env: { PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '8000' },
		onOutput: (text) => void (/\d% of/.test(text) && clearTimeout(limit)),
		signal: stalled.signal,
	});
	clearTimeout(limit);
}

/**
 * The path of a Chromium that starts; installs one where there is none.
 * @returns {Promise<string>}
 */
export async function ensureChromium() {
	let found = findChromium();
	for (const install of [download, () => aptInstall('chromium')]) {
		if (found) break;
		await install();
		found = findChromium();
	}
	if (!found) {
		throw new Error(
			'The tests need Chromium, and none was found or could be installed. Install Chromium or Google Chrome, ' +
				'or set CHROMIUM_PATH to the program (for example CHROMIUM_PATH=/opt/chromium/chrome npm test).',
		);
	}
	if (!starts(found)) throw new Error(`CHROMIUM_PATH is ${found}, but no program starts there.`);
	return found;
}
