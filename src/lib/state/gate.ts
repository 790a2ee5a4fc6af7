import { type Gate, readGate } from '$lib/conscience/gate';
import { comparePolicies, type GateComparison } from '$lib/evaluation/gateComparison';
import { type GateResult, parseGateResult } from '$lib/experiment/gateResult';
import { readGateRows } from '$lib/experiment/gateRowsFile';

/** What `npm run gate` has written, as files of the page: each is fetched when it is looked at. */
const RESULTS = import.meta.glob<string>('/results/gate.json', { query: '?url&no-inline', import: 'default', eager: true });
const ROWS = import.meta.glob<string>('/results/gate.rows.json.gz', { query: '?url&no-inline', import: 'default', eager: true });

/** The result; null where it was not run. Rejects with an error that says what is wrong with it. */
export async function fetchGateResult(): Promise<GateResult | null> {
	const url = Object.values(RESULTS)[0];
	return url === undefined ? null : parseGateResult(await (await fetched(url)).json());
}

/**
 * A reader's own gate beside the same alternatives, on the rows that the lab's was tested on.
 * Rejects with an error that says what is wrong with the file, or that the gate has seen those prompts.
 */
export async function tryGate(file: string, { lengthGate }: GateResult): Promise<{ gate: Gate; comparison: GateComparison }> {
	const gate = readGate(file);
	const url = Object.values(ROWS)[0];
	if (url === undefined) throw new RangeError('The rows of the test are not beside this page.');
	const { test } = readGateRows(new Uint8Array(await (await fetched(url)).arrayBuffer()));
	return { gate, comparison: await comparePolicies(test, gate, lengthGate) };
}

async function fetched(url: string): Promise<Response> {
	const response = await fetch(url);
	if (!response.ok) throw new RangeError(`${url} can't be fetched (status ${response.status}).`);
	return response;
}
