/** The parts of the memory's study as files, and who makes them. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Deposit } from '$lib/experiment/memoryStudy/deposits';
import type { Draft } from '$lib/experiment/memoryStudy/retrieval';

const WORKER = fileURLToPath(new URL('memoryWorker.ts', import.meta.url));

/** What a worker is given: where the outcome is to lie, and what it is of. */
export type Part = { file: string; seed: number } & ({ kind: 'deposits' } | { kind: 'run'; condition: string; memory: string | null });

/** What a contributor's run leaves. */
export interface Contribution {
	seed: number;
	deposits: Deposit[];
	drafts: Draft[];
	tokens: number;
	seconds: number;
}

/** JSON has no Float32Array. */
export const toJson = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => (inner instanceof Float32Array ? Array.from(inner) : inner)); // prettier-ignore

export async function fromJson<T>(file: string): Promise<T> {
	const revive = (key: string, value: unknown) => (key === 'values' && Array.isArray(value) ? Float32Array.from(value as number[]) : value);
	return JSON.parse(await readFile(file, 'utf8'), revive) as T;
}

/** Makes what is missing, `jobs` parts at a time, a process each. @throws Error with what went wrong, once the others of its time have ended */
export async function makeAll(parts: readonly Part[], jobs: number): Promise<void> {
	const waiting = parts.filter(({ file }) => !existsSync(file));
	const total = waiting.length;
	let done = 0;
	let failed: string | null = null;
	const worker = async () => {
		for (let part = waiting.shift(); part && failed === null; part = waiting.shift()) {
			const reason = await made(part);
			if (reason !== null) failed = `${part.kind} of seed ${part.seed}: ${reason}`;
			else process.stderr.write(`${++done} of ${total}: ${part.file.split('/').at(-1)}\n`);
		}
	};
	await Promise.all(Array.from({ length: Math.min(jobs, total) }, worker));
	if (failed !== null) throw new Error(failed);
}

/** Resolves to null, or to what went wrong. */
const made = (part: Part): Promise<string | null> =>
	new Promise((resolve) => {
		const child = fork(WORKER, [], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
		let told: string | null | undefined;
		child.on('message', (reason: string | null) => (told = reason));
		child.on('error', ({ message }) => (told = message));
		child.on('close', (code) => resolve(told === undefined ? `its process ended by code ${code}` : told));
		child.send(part);
	});
