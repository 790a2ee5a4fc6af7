/** A class server as the lab asks it, over HTTP. What it answers is checked like any other thing from outside. */
import * as v from 'valibot';

import type { Label } from '$lib/conscience/judge';
import type { DepositReport, Memory, PooledState, Trajectory } from '$lib/conscience/memory';

import { ContributorsSchema, ImportedSchema, type Info, InfoSchema, JoinedSchema, ListSchema, ReportSchema } from './calls';
import type { Cursor, Listed } from './desk';
import { NeighboursSchema, withList } from './wire';

/** The server refused, could not be reached, or said what can't be read. */
export class ClassServerError extends Error {
	override name = 'ClassServerError';
	constructor(
		/** Of HTTP; null where no answer came. */
		readonly status: number | null,
		message: string,
		options?: ErrorOptions,
	) {
		super(message, options);
	}

	/** It may go well when it is tried again: nobody answered, or the server had no time. */
	get passing(): boolean {
		return this.status === null || this.status === 429 || this.status >= 500;
	}
}

/** So long may a call take, and one that carries a whole memory, in ms. */
const PATIENCE = { call: 20_000, file: 300_000 };

/** An address as people type it, as an origin with a path at most. @throws ClassServerError */
export function serverAddress(typed: string): string {
	const text = typed.trim();
	const withScheme = /^https?:\/\//i.test(text) ? text : `http://${text}`;
	const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
	if (!url || url.hostname === '') throw new ClassServerError(null, `“${text}” is no address. It looks like http://192.168.1.20:8787.`);
	return `${url.origin}${url.pathname}`.replace(/\/$/, '');
}

/** What a member may ask of a class server. */
export class ClassClient {
	constructor(
		readonly server: string,
		private secret: string,
	) {}

	info = (): Promise<Info> => this.#ask('GET', '/class', InfoSchema);
	deposit = (trajectories: readonly Trajectory[]): Promise<DepositReport> =>
		this.#ask('POST', '/deposits', ReportSchema, { trajectories: trajectories.map(withList) });
	deposits = (): Promise<Listed[]> => this.#ask('GET', '/deposits', ListSchema);
	removeDeposits = async (ids: readonly string[]): Promise<void> => void (await this.#ask('DELETE', '/deposits', v.unknown(), { ids }));
	leave = async (deposits: 'keep' | 'delete'): Promise<void> =>
		void (await this.#ask('DELETE', `/membership?deposits=${deposits}`, v.unknown()));

	/** The class's memory, for runs, chats and gates. */
	readonly memory: Memory = {
		nearest: ({ revision, values }, k, signal) =>
			this.#ask('POST', '/nearest', NeighboursSchema, { state: { revision, values: Array.from(values) }, k }, signal),
		deposit: (trajectories) => this.deposit(trajectories),
		measured: async (benefits) => void (await this.#ask('POST', '/benefits', v.unknown(), { benefits })),
	};

	/** All that the class agrees on of what a model has read, as JSON lines. */
	agreed = async ({ revision, values }: PooledState): Promise<string> => {
		const query = new URLSearchParams({ revision, dimensions: String(values.length) }).toString();
		return new TextDecoder().decode(await bytesOf(await this.#send('GET', `/memory?${query}`, { patience: PATIENCE.file })));
	};

	quarantine = (after: Cursor | null): Promise<Listed[]> => this.#ask('POST', '/desk/quarantine', ListSchema, after);
	label = async (labels: readonly { id: string; label: Label }[]): Promise<void> =>
		void (await this.#ask('POST', '/desk/labels', v.unknown(), { labels }));
	contributors = () => this.#ask('GET', '/desk/contributors', ContributorsSchema);
	removeContributor = async (id: string): Promise<void> =>
		void (await this.#ask('DELETE', `/desk/contributors/${encodeURIComponent(id)}`, v.unknown()));
	removeTrajectories = async (which: readonly { contributorId: string; id: string }[]): Promise<void> =>
		void (await this.#ask('DELETE', '/desk/trajectories', v.unknown(), { which }));
	removeClass = async (): Promise<void> => void (await this.#ask('DELETE', '/desk/class', v.unknown()));
	exportLines = async (): Promise<Uint8Array<ArrayBuffer>> => bytesOf(await this.#send('GET', '/desk/export', { patience: PATIENCE.file }));
	importLines = async (file: Blob) =>
		jsonOf(ImportedSchema, await this.#send('POST', '/desk/import', { body: file, patience: PATIENCE.file }));

	async #ask<S extends v.GenericSchema>(
		method: string,
		path: string,
		schema: S,
		body?: unknown,
		signal?: AbortSignal,
	): Promise<v.InferOutput<S>> {
		return jsonOf(
			schema,
			await this.#send(method, path, { body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null }),
		);
	}

	#send(method: string, path: string, { body = null, ...how }: { body?: BodyInit | null } & How): Promise<Response> {
		return send(`${this.server}${path}`, { method, body, headers: { authorization: `Bearer ${this.secret}` } }, how);
	}
}

/** Joins a class under a pseudonym; asked again with the same token it answers the same. @throws ClassServerError */
export async function joinClass(server: string, member: { code: string; pseudonym: string; token: string }) {
	return jsonOf(JoinedSchema, await send(`${server}/join`, { method: 'POST', body: JSON.stringify(member) }));
}

interface How {
	signal?: AbortSignal | null;
	/** In ms, for the answer with all that it brings. */
	patience?: number;
}

async function send(url: string, request: RequestInit, { signal = null, patience = PATIENCE.call }: How = {}): Promise<Response> {
	const late = AbortSignal.timeout(patience);
	let response: Response;
	try {
		const headers = { 'content-type': 'application/json', ...request.headers };
		response = await fetch(url, { ...request, headers, signal: signal ? AbortSignal.any([signal, late]) : late });
	} catch (cause) {
		signal?.throwIfAborted();
		const hint =
			globalThis.location?.protocol === 'https:' && url.startsWith('http:') ? ' A page on https may ask a server on https alone.' : '';
		throw new ClassServerError(null, `The class server does not answer at ${new URL(url).origin}.${hint}`, { cause });
	}
	if (response.ok) return response;
	const said = v.safeParse(v.object({ error: v.string() }), await response.json().catch(() => null));
	throw new ClassServerError(response.status, said.success ? said.output.error : `The class server answered with ${response.status}.`);
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
	try {
		return new Uint8Array(await response.arrayBuffer());
	} catch (cause) {
		throw new ClassServerError(null, 'The class server’s answer broke off. Try again.', { cause });
	}
}

async function jsonOf<S extends v.GenericSchema>(schema: S, response: Response): Promise<v.InferOutput<S>> {
	const result = v.safeParse(schema, await response.json().catch(() => null));
	if (result.success) return result.output;
	throw new ClassServerError(502, 'What came is no answer of a class server of this version. Is the address right?');
}
