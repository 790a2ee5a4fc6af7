// Makes the Python environments: .venv, with PyTorch, transformers, PEFT and TRL, for the parity tests and the golden numbers; others by name.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { aptInstall, ROOT, run } from './process.mjs';

const VENV = '.venv';

/** An environment's own interpreter. @param {string} venv folder, from the repository's root */
export const interpreter = (venv) =>
	process.platform === 'win32' ? resolve(ROOT, venv, 'Scripts', 'python.exe') : resolve(ROOT, venv, 'bin', 'python');

/** The interpreter of the environment that tests/requirements.txt describes. */
export const PYTHON = interpreter(VENV);

/** The system's Python that can make environments (Debian keeps `ensurepip` in a package of its own); null where there is none. */
const systemPython = () =>
	['python3', 'python'].find(
		(name) => spawnSync(name, ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)']).status === 0,
	) ?? null;

/** Makes or brings up to date the environment that tests/requirements.txt describes; resolves to its interpreter. */
export const ensurePython = () => ensureVenv(VENV, 'tests/requirements.txt');

/**
 * Makes or brings up to date an environment; resolves to its interpreter.
 * @param {string} venv folder, from the repository's root
 * @param {string} requirements file, from the repository's root
 * @returns {Promise<string>}
 */
export async function ensureVenv(venv, requirements) {
	const python = interpreter(venv);
	const installed = join(ROOT, venv, 'requirements.sha256');
	const wanted = createHash('sha256')
		.update(readFileSync(join(ROOT, requirements)))
		.digest('hex');
	if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted && spawnSync(python, ['--version']).status === 0) return python;

	console.log(`Installing the Python packages of ${requirements} into ${venv} (once) …`);
	await makeVenv(venv, requirements);
	writeFileSync(installed, wanted);
	return python;
}

/**
 * Makes an environment anew; resolves to its interpreter.
 * @param {string} venv folder, from the repository's root
 * @param {string} requirements file, from the repository's root
 * @returns {Promise<string>}
 */
export async function makeVenv(venv, requirements) {
	if (!systemPython()) await aptInstall('python3', 'python3-venv');
	const system = systemPython();
	if (!system)
		throw new Error(`${requirements} needs Python 3.11 or newer with the venv module (Debian: apt install python3 python3-venv).`);

	if ((await run([system, '-m', 'venv', '--clear', resolve(ROOT, venv)])) !== 0)
		throw new Error(`${system} could not make ${venv}: see its message above.`);
	const python = interpreter(venv);
	const pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', resolve(ROOT, requirements)];
	if ((await run(pip, { minutes: 20 })) !== 0) throw new Error(`pip could not install ${requirements}: see its message above.`);
	return python;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await ensurePython();
