// `npm run organism:webllm [-- FOLDER --out FOLDER --dtype float16 …]`: compiles a model for WebLLM; the organism where none is named.
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

import { aptInstall, run } from './process.mjs';
import { ensureVenv } from './python.mjs';

const hasEmscripten = () => spawnSync('emcc', ['--version'], { shell: process.platform === 'win32' }).status === 0;

/**
 * Makes the environment that organism/webllm/requirements.txt describes, and installs Emscripten where that can be done unasked.
 * @returns {Promise<string>} the environment's interpreter
 */
export async function ensureCompiler() {
	if (!hasEmscripten()) await aptInstall('emscripten');
	if (!hasEmscripten())
		throw new Error(
			'Compiling for WebLLM needs Emscripten: `emcc` was not found (Debian and Ubuntu: apt install emscripten; elsewhere: https://emscripten.org).',
		);
	return ensureVenv('build/webllm/venv', 'organism/webllm/requirements.txt');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
	const python = await ensureCompiler();
	process.exitCode = await run([python, 'organism/webllm/compile.py', ...process.argv.slice(2)], { minutes: 60 });
}
