/** The class server's calls as its tests make them. */
import { expect } from 'vitest';

import type { Trajectory } from '$lib/conscience/memory';
import { newSecret } from '$lib/storage/memory/classes';
import type { Sql } from '$lib/storage/memory/sql';
import { withList } from '$lib/storage/memory/wire';

import { classApp } from '../../server/app';

type App = ReturnType<typeof classApp>;

/** A call of the app with a JSON body; a text is sent as it is. */
export const callOf =
	(app: Pick<App, 'request'>) =>
	async (method: string, path: string, { token, body }: { token?: string; body?: unknown } = {}) => {
		const response = await app.request(path, {
			method,
			headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
			...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
		});
		const text = await response.text();
		const json = /^application\/json(;|$)/.test(response.headers.get('content-type') ?? '') ? (JSON.parse(text) as unknown) : null;
		return { status: response.status, headers: response.headers, text, json };
	};

export const appOf = (sql: Sql, log: string[] = [], options: Partial<Parameters<typeof classApp>[0]> = {}) =>
	classApp({ sql, origins: ['https://lab.example'], addressOf: () => '10.0.0.1', log: (line) => log.push(line), ...options });

export async function joined(call: ReturnType<typeof callOf>, code: string, pseudonym: string): Promise<string> {
	const token = newSecret();
	const { status, json } = await call('POST', '/join', { body: { code, pseudonym, token } });
	expect({ status, json }).toMatchObject({ status: 200, json: { pseudonym } });
	return token;
}

export const deposits = (trajectories: readonly Trajectory[]) => ({ trajectories: trajectories.map(withList) });
