import { type MemoryResult, parseMemoryResult } from '$lib/experiment/memoryStudy/result';

/** What `npm run memory` has written, as a file of the page that is fetched when it is looked at. */
const RESULTS = import.meta.glob<string>('/results/memory.json', { query: '?url&no-inline', import: 'default', eager: true });

/** The result; null where it was not run. Rejects with an error that says what is wrong with it. */
export async function fetchMemoryResult(): Promise<MemoryResult | null> {
	const url = Object.values(RESULTS)[0];
	if (url === undefined) return null;
	const response = await fetch(url);
	if (!response.ok) throw new RangeError(`${url} can't be fetched (status ${response.status}).`);
	return parseMemoryResult(await response.json());
}
