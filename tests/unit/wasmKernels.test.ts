import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

const FILE = 'src/lib/model/kernels/lab.wasm';

test('the kernels for WebAssembly that ship are those of the sources (else run npm run kernels:wasm)', () => {
	const rebuilt = path.join(mkdtempSync(path.join(tmpdir(), 'kernels-')), 'lab.wasm');
	const asc = path.resolve('node_modules/assemblyscript/bin/asc.js'); // its types would bring AssemblyScript's globals into every file
	execFileSync(process.execPath, [asc, '--config', 'assembly/asconfig.json', '--outFile', rebuilt]);
	expect(Buffer.compare(readFileSync(rebuilt), readFileSync(FILE))).toBe(0);
});

test('they bring no memory, no data and nothing to start: all they need of tfjs is its memory', () => {
	const module = new WebAssembly.Module(readFileSync(FILE));
	expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
	expect(WebAssembly.Module.exports(module).every(({ kind }) => kind === 'function')).toBe(true);
	const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
	new Uint8Array(memory.buffer).fill(7);
	new WebAssembly.Instance(module, { env: { memory } });
	expect(new Uint8Array(memory.buffer).every((byte) => byte === 7)).toBe(true);
	expect(memory.buffer.byteLength).toBe(65_536);
});
