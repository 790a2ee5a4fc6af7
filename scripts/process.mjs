import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root: every script works from here, wherever it was called. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Exit code of a program that ran past its time, as `timeout` of coreutils reports it. */
export const TIMED_OUT = 124;

/**
 * The command line of an installed npm program, by the file behind its `bin`: the same on every system, while the links
 * in node_modules/.bin are shell scripts on Windows.
 * @param {string} file for example `vite/bin/vite.js`
 * @param {...string} args
 */
export const node = (file, ...args) => [process.execPath, join(ROOT, 'node_modules', file), ...args];

/**
 * The command line of npm itself: the one that started this script where there is one.
 * @param {...string} args
 */
export const npm = (...args) => (process.env.npm_execpath ? [process.execPath, process.env.npm_execpath, ...args] : ['npm', ...args]);

/**
 * Runs a program in the repository's root, shows what it prints and resolves to its exit code.
 * @param {string[]} commandLine program and arguments
 * @param {{ env?: Record<string, string>, minutes?: number, log?: string, onOutput?: (text: string) => void, signal?: AbortSignal }} [options]
 * `log` is a file that keeps a copy of the output; `onOutput` sees it as it comes; `signal` stops the program.
 * @returns {Promise<number>}
 */
export function run([program, ...args], { env = {}, minutes = 10, log, onOutput, signal } = {}) {
	if (program === undefined) throw new Error('run() was given an empty command line.');
	if (!log && !onOutput)
		return settle(spawn(program, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: 'inherit', signal }), minutes);

	// Behind a pipe programs drop their colours unless they are asked to keep them.
	const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
	const child = spawn(program, args, { cwd: ROOT, env: { ...process.env, ...colour, ...env }, stdio: ['ignore', 'pipe', 'pipe'], signal });
	child.stdout.on('data', (chunk) => onOutput?.(String(chunk)));
	child.stdout.pipe(process.stdout, { end: false });
	child.stderr.pipe(process.stderr, { end: false });
	if (log) {
		mkdirSync(dirname(log), { recursive: true });
		const copy = createWriteStream(log);
		child.stdout.pipe(copy, { end: false });
		child.stderr.pipe(copy, { end: false });
		child.on('close', () => copy.end());
	}
	return settle(child, minutes);
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} minutes
 * @returns {Promise<number>}
 */
function settle(child, minutes) {
	return new Promise((resolve) => {
		let late = false;
		const limit = setTimeout(() => {
			late = true;
			console.error(`Stopped after ${minutes} minutes.`);
			child.kill('SIGTERM');
			setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
		}, minutes * 60_000);
		const end = (/** @type {number} */ code) => {
			clearTimeout(limit);
			resolve(late ? TIMED_OUT : code);
		};
		child.on('error', (error) => {
			console.error(error.message);
			end(127);
		});
		child.on('close', (code) => end(code ?? 1));
	});
}

/**
 * Installs Debian packages where that is possible without asking anybody: as root, with apt. Resolves to whether it worked.
 * @param {...string} packages
 */
export async function aptInstall(...packages) {
	if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
	console.log(`Installing ${packages.join(', ')} with apt …`);
	const env = { DEBIAN_FRONTEND: 'noninteractive' };
	if ((await run(['apt-get', 'update', '-q'], { env })) !== 0) return false;
	return (await run(['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...packages], { env })) === 0;
}
