/** The class server as a process: a class at work on it, killed in mid-deposit, told to end, cut off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { newSecret } from '$lib/storage/memory/classes';
import type { Listed } from '$lib/storage/memory/desk';
import { withList } from '$lib/storage/memory/wire';

import { trajectory } from '../unit/trajectories';
import { loadClass } from './load';

interface Server {
	process: ChildProcess;
	url: string;
	code: string;
	output: () => string;
}

/** Starts a server over what `environment` and `args` say; resolves once it is ready. */
export async function startServer(args: readonly string[], environment: Record<string, string> = {}): Promise<Server> {
	const process_ = spawn(process.execPath, ['--import', 'tsx', 'server/main.ts', '--port', '0', '--host', '127.0.0.1', ...args], {
		env: { ...process.env, ...environment },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let output = '';
	const ready = new Promise<void>((resolve, reject) => {
		const hear = (chunk: Buffer) => {
			output += chunk.toString();
			if (output.includes('ready')) resolve();
		};
		process_.stdout.on('data', hear);
		process_.stderr.on('data', hear);
		process_.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
	});
	await ready;
	const [, url] = /Address: (\S+)/.exec(output)!;
	const [, code] = /Class: {3}(\S+)/.exec(output)!;
	return { process: process_, url: url!, code: code!, output: () => output };
}

const stopped = async ({ process }: Server, signal: NodeJS.Signals) => {
	const exit = once(process, 'exit');
	process.kill(signal);
	return (await exit)[0] as number | null;
};

const headersOf = (token: string) => ({ 'content-type': 'application/json', authorization: `Bearer ${token}` });
const idsOf = async (url: string, token: string) =>
	((await (await fetch(`${url}/deposits`, { headers: headersOf(token) })).json()) as Listed[]).map(({ id }) => id);

async function joined({ url, code }: Server, pseudonym: string): Promise<string> {
	const token = newSecret();
	const body = JSON.stringify({ code, pseudonym, token });
	expect((await fetch(`${url}/join`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status).toBe(200);
	return token;
}

/** `place` gives a store of its own to each test: the arguments and the environment of the server. */
export function processSuite(name: string, place: () => Promise<{ args: string[]; environment: Record<string, string> }>): void {
	describe(name, () => {
		let where: Awaited<ReturnType<typeof place>>;
		let server: Server;
		const start = async () => (server = await startServer(where.args, where.environment));
		beforeEach(async () => {
			where = await place();
			await start();
		});
		afterEach(async () => {
			if (server.process.exitCode === null && server.process.signalCode === null) await stopped(server, 'SIGKILL');
		});

		it('serves sixty who deposit and ask at once, without an error and without losing anything', async () => {
			const load = await loadClass(server.url, server.code, { clients: 60, seconds: 10 });
			expect(load.errors).toEqual([]);
			expect(load.acknowledged.size).toBe(60);
			expect(load.queries.length).toBeGreaterThan(60);
			for (const [token, ids] of load.acknowledged) {
				const kept = await idsOf(server.url, token);
				expect(kept.length).toBeGreaterThan(0);
				if (ids.length <= 500) expect(new Set(kept)).toEqual(new Set(ids)); // the list shows 500
			}
		});

		it('loses nothing that it has acknowledged when it is killed in mid-deposit, and keeps no half of a call', async () => {
			const token = await joined(server, 'ann');
			const acknowledged: string[] = [];
			const batches = await Promise.all(
				Array.from({ length: 40 }, (_, b) => Promise.all(Array.from({ length: 10 }, (_, i) => trajectory({ question: `${b}.${i}` })))),
			);
			const send = async (batch: (typeof batches)[number]) => {
				const body = JSON.stringify({ trajectories: batch.map(withList) });
				const { status } = await fetch(`${server.url}/deposits`, { method: 'POST', headers: headersOf(token), body });
				expect(status).toBe(200);
				acknowledged.push(...batch.map(({ id }) => id));
			};
			const sending = batches.map((batch) => send(batch).catch(() => {}));
			while (acknowledged.length < 50) await new Promise((resolve) => setTimeout(resolve, 1));
			await stopped(server, 'SIGKILL');
			await Promise.all(sending);
			expect(acknowledged.length).toBeLessThan(400); // it was in the middle of it

			await start();
			const kept = new Set(await idsOf(server.url, token));
			for (const id of acknowledged) expect(kept.has(id)).toBe(true);
			for (const batch of batches) expect([0, 10]).toContain(batch.filter(({ id }) => kept.has(id)).length);
			for (const batch of batches) await send(batch); // as the queue does: all of it once more
			expect(new Set(await idsOf(server.url, token))).toEqual(new Set(batches.flat().map(({ id }) => id)));
		});

		it('finishes what is under way when it is told to end, and takes nothing more', async () => {
			const token = await joined(server, 'ann');
			const body = JSON.stringify({ trajectories: [withList(await trajectory())] });
			// Half of a call is there when the signal comes; the other half comes after.
			const { port } = new URL(server.url);
			const socket = connect(Number(port), '127.0.0.1');
			await once(socket, 'connect');
			const head = `POST /deposits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
			socket.write(head);
			expect(String(await once(socket, 'data'))).toContain('100 Continue'); // the server has begun with it
			socket.write(body.slice(0, 100));
			const exit = once(server.process, 'exit');
			server.process.kill('SIGTERM');
			await expect.poll(() => server.output()).toContain('no more calls');
			await expect(fetch(`${server.url}/health`)).rejects.toThrow();
			socket.write(body.slice(100)); // and not the end of the line: Node answers nobody who has hung up
			let answer = '';
			for await (const chunk of socket) answer += String(chunk);
			expect(answer).toContain('{"added":1');
			expect((await exit)[0]).toBe(0);
			expect(server.output()).toContain('nothing is lost');
			await start();
			expect(await idsOf(server.url, token)).toHaveLength(1);
		});

		it('keeps nothing of a call that was cut off', async () => {
			const token = await joined(server, 'ann');
			const body = JSON.stringify({ trajectories: [withList(await trajectory())] });
			const { port } = new URL(server.url);
			const socket = connect(Number(port), '127.0.0.1');
			await once(socket, 'connect');
			socket.write(
				`POST /deposits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
			);
			socket.write(body.slice(0, -10));
			await new Promise((resolve) => setTimeout(resolve, 200));
			socket.destroy();
			await expect.poll(() => idsOf(server.url, token)).toEqual([]);
			expect((await fetch(`${server.url}/deposits`, { method: 'POST', headers: headersOf(token), body })).status).toBe(200);
			expect(await idsOf(server.url, token)).toHaveLength(1);
		});
	});
}
