// Makes .venv, the Python environment with PyTorch, transformers, PEFT and TRL that the parity tests and the golden numbers need.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { aptInstall, ROOT, run } from './process.mjs';

const VENV = join(ROOT, '.venv');
const REQUIREMENTS = join(ROOT, 'tests', 'requirements.txt');
const INSTALLED = join(VENV, 'requirements.sha256');

/** The environment's own interpreter. */
export const PYTHON = process.platform === 'win32' ? join(VENV, 'Scripts', 'python.exe') : join(VENV, 'bin', 'python');

/** The system's Python that can make environments (Debian keeps `ensurepip` in a package of its own); null where there is none. */
const systemPython = () =>
	['python3', 'python'].find(
		(name) => spawnSync(name, ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']).status === 0,
	) ?? null;

/**
 * Makes or brings up to date the environment that tests/requirements.txt describes; resolves to its interpreter.
 * @returns {Promise<string>}
 */
export async function ensurePython() {
	const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
	if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted && spawnSync(PYTHON, ['--version']).status === 0) return PYTHON;

	if (!systemPython()) await aptInstall('python3', 'python3-venv');
	const system = systemPython();
	if (!system)
		throw new Error('The parity tests need Python 3.10 or newer with the venv module (Debian: apt install python3 python3-venv).');

	console.log('Installing the Python packages of tests/requirements.txt into .venv (once) …');
	if ((await run([system, '-m', 'venv', '--clear', VENV])) !== 0) throw new Error(`${system} could not make .venv: see its message above.`);
	const pip = [PYTHON, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
	if ((await run(pip, { minutes: 20 })) !== 0) throw new Error('pip could not install tests/requirements.txt: see its message above.');
	writeFileSync(INSTALLED, wanted);
	return PYTHON;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await ensurePython();
