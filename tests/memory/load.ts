/** A class at work: clients over HTTP that deposit and ask, one call after the other. */
import type { Trajectory } from '$lib/conscience/memory';
import { normal, seededRandom } from '$lib/model/random';
import { newSecret } from '$lib/storage/memory/classes';
import { withList } from '$lib/storage/memory/wire';

import { trajectory } from '../unit/trajectories';

/** What came of it: milliseconds of each call by its kind, what went wrong, and whose deposits were acknowledged. */
export interface Load {
	deposits: number[];
	queries: number[];
	errors: string[];
	acknowledged: Map<string, string[]>;
}

const D = 96; // as many numbers as a state of the organism

/** Lets `clients` work for so many seconds, and each make three calls at least; two of three calls ask, one deposits some new exchanges and one that others leave, too. */
export async function loadClass(url: string, code: string, { clients, seconds }: { clients: number; seconds: number }): Promise<Load> {
	const load: Load = { deposits: [], queries: [], errors: [], acknowledged: new Map() };
	const end = performance.now() + seconds * 1000;
	await Promise.all(Array.from({ length: clients }, (_, client) => work(url, code, client, end, load)));
	return load;
}

async function work(url: string, code: string, client: number, end: number, load: Load): Promise<void> {
	const random = seededRandom(client, 'load');
	const token = newSecret();
	const post = async (path: string, body: object): Promise<number | null> => {
		const start = performance.now();
		try {
			const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
			const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
			if (response.status === 429) {
				// Told to wait, a lab waits, and asks again.
				await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get('retry-after'))));
				return post(path, body);
			}
			const text = await response.text();
			if (!response.ok) throw new Error(`${response.status} ${text}`);
			return performance.now() - start;
		} catch (error) {
			load.errors.push(`${path}: ${(error as Error).message}`);
			return null;
		}
	};
	if ((await post('/join', { code, pseudonym: `student ${client}`, token })) === null) return;
	const acknowledged: string[] = [];
	load.acknowledged.set(token, acknowledged);
	for (let call = 0; call < 3 || performance.now() < end; call++) {
		const values = Array.from({ length: D }, () => normal(random));
		if (call % 3 === 0) {
			const own = (i: number): Promise<Trajectory> => trajectory({ question: `${client} asks ${call}.${i}`, values, run: `run ${client}` });
			const given = await Promise.all([own(0), own(1), trajectory({ question: `all ask ${call}`, values })]);
			const took = await post('/deposits', { trajectories: given.map(withList) });
			if (took === null) continue;
			load.deposits.push(took);
			acknowledged.push(...given.map(({ id }) => id));
		} else {
			const took = await post('/nearest', { state: { revision: 'f'.repeat(64), values }, k: 5 });
			if (took !== null) load.queries.push(took);
		}
	}
}

/** The value below which a share of the values lies. */
export const quantile = (values: readonly number[], share: number): number =>
	[...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
