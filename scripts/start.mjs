// Builds the lab, serves it on this machine only and opens it in the default browser: what `npm start` does once everything is installed.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

import { build, preview } from 'vite';

const { values: options } = parseArgs({
	options: { port: { type: 'string', default: '4173' }, open: { type: 'boolean', default: true } },
	allowNegative: true,
});

/** The program that opens an address in the default browser, or null where there is no desktop to open it on. */
function opener() {
	if (process.env.CI || process.env.BROWSER === 'none') return null;
	if (process.platform === 'darwin') return ['open'];
	if (process.platform === 'win32') return ['cmd', '/c', 'start', ''];
	return process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? ['xdg-open'] : null;
}

/** Opens the address if it can; the lab is served either way. @param {string} url */
function openBrowser(url) {
	const [program, ...args] = opener() ?? [];
	if (!program) return;
	const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
	child.on('error', () => console.log('No browser could be opened: open the address above yourself.'));
	child.unref();
}

console.log('Building the lab …');
await build({ logLevel: 'warn' });
// Where the port is taken, Vite goes on to the next free one.
const server = await preview({ preview: { port: Number(options.port), strictPort: false }, logLevel: 'warn' });
const url = server.resolvedUrls?.local[0];
if (!url) throw new Error('The server has started but has no local address.');
console.log(`\n  The conscience lab is at  ${url}\n  Stop it with Ctrl+C.\n`);
if (options.open) openBrowser(url);
