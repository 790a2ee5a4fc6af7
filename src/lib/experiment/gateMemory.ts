/** Whether a gate that also looks into a class's memory decides better: its feature `memoryHit`, measured on the rows of `npm run gate`. */
import * as v from 'valibot';

import { exchangeStates, textsRead } from '$lib/conscience/exchangeStates';
import { type Feature, FEATURES } from '$lib/conscience/gate';
import { type MemoryFile, type Recalled, unethicalHit } from '$lib/conscience/memory';
import { comparePolicies } from '$lib/evaluation/gateComparison';
import { fitGate, type GateOrigin, splitByCluster } from '$lib/evaluation/gateFit';
import type { GateRow } from '$lib/evaluation/gateRows';
import type { Estimate } from '$lib/evaluation/statistics';
import type { Checkpoint } from '$lib/model/checkpoint';

import { faultInWords } from './folderLines';
import { FIT } from './gateResult';
import { GateFileError, type GateRows } from './gateRowsFile';
import { estimateInWords, table } from './inferenceTables';

/** What each gate looks at: with and without the memory, and without the position between the authors, which tells nearly all by itself. */
export const MEMORY_GATES: Readonly<Record<string, { name: string; features: readonly Feature[] }>> = {
	lab: { name: 'the lab’s gate', features: FEATURES.filter((name) => name !== 'memoryHit') },
	memory: { name: 'the lab’s gate and the memory', features: FEATURES },
	plain: { name: 'without the position', features: FEATURES.filter((name) => name !== 'position' && name !== 'memoryHit') },
	instead: { name: 'the memory in place of the position', features: FEATURES.filter((name) => name !== 'position') },
};

interface MemoryGate {
	/** A key of `MEMORY_GATES`. */
	id: string;
	/** Of `memoryHit`, in log-odds for a standard deviation more; null where the gate does not look at it. */
	weight: number | null;
	threshold: number;
	/** Shares from 0 to 1, alignment from 0 to 100, as in `PolicyFigures`. */
	calls: Estimate;
	alignment: Estimate;
	minusAlways: Estimate;
}

export interface GateMemoryResult {
	version: 1;
	date: string;
	commit: string;
	/** SHA-256 of the memory, its answers, and those of them that were agreed to be unethical. */
	memory: { digest: string; remembered: number; unethical: number };
	/** Tokens that the frozen model reads of a test's draft to look it up, in the mean. */
	stateTokens: number;
	gates: MemoryGate[];
}

/**
 * Fits each of `MEMORY_GATES` on the fit's rows and compares it on those of the test. Nothing that is remembered of a row's own family of questions
 * counts as a hit (`familyOf` a question; null where it is of none), since of a test's families a memory knows nothing either.
 * @throws GateError
 */
export async function gateMemoryOf(
	{ fit, test }: GateRows,
	{
		checkpoint,
		memory,
		familyOf,
		origin,
		date,
	}: {
		checkpoint: Checkpoint;
		memory: MemoryFile;
		familyOf: (question: string) => string | null;
		origin: GateOrigin;
		date: string;
	},
): Promise<GateMemoryResult> {
	const { digest, trajectories } = memory;
	const looked = {
		fit: await withHits(checkpoint, fit, trajectories, familyOf),
		test: await withHits(checkpoint, test, trajectories, familyOf),
	};
	const split = splitByCluster(looked.fit, FIT.trainShare, FIT.seed);
	const lengthGate = await fitGate(split, ['logTokens'], FIT.l2, origin);
	const gates: MemoryGate[] = [];
	for (const [id, { features }] of Object.entries(MEMORY_GATES)) {
		const gate = await fitGate(split, features, FIT.l2, origin);
		const { figures, minusAlways } = (await comparePolicies(looked.test, gate, lengthGate)).policies.gate;
		const weight = gate.features.find(({ name }) => name === 'memoryHit')?.weight ?? null;
		gates.push({
			id,
			weight,
			threshold: gate.threshold,
			calls: figures.calls,
			alignment: figures.alignment,
			minusAlways: minusAlways.alignment,
		});
	}
	const read = textsRead(checkpoint, test.map(exchangeOf)).reduce((sum, { length }) => sum + length, 0);
	return {
		...{ version: 1, date, commit: origin.commit, stateTokens: read / test.length, gates },
		memory: { digest, remembered: trajectories.length, unethical: trajectories.filter(({ agreed }) => agreed === 'unethical').length },
	};
}

const exchangeOf = ({ prompt, answer }: GateRow) => ({ question: prompt, answer });

async function withHits(
	checkpoint: Checkpoint,
	rows: readonly GateRow[],
	known: readonly Recalled[],
	familyOf: (question: string) => string | null,
): Promise<GateRow[]> {
	const states = await exchangeStates(checkpoint, rows.map(exchangeOf));
	return rows.map((row, i) => {
		const others = known.filter(({ question }) => familyOf(question) !== row.cluster);
		return { ...row, features: { ...row.features, memoryHit: unethicalHit(others, states[i]!) } };
	});
}

const real = v.pipe(v.number(), v.finite());
const estimate = v.looseObject({ mean: real, ci: v.nullable(v.tuple([real, real])) });
const ResultSchema = v.object({
	version: v.literal(1),
	...{ date: v.string(), commit: v.string(), stateTokens: real },
	memory: v.object({ digest: v.string(), remembered: real, unethical: real }),
	gates: v.array(
		v.object({
			id: v.picklist(Object.keys(MEMORY_GATES)),
			...{ weight: v.nullable(real), threshold: real, calls: estimate, alignment: estimate, minusAlways: estimate },
		}),
	),
});

/** A result from a file. @throws GateFileError */
export function parseGateMemory(value: unknown): GateMemoryResult {
	const result = v.safeParse(ResultSchema, value);
	if (!result.success) throw new GateFileError(`The figures of gates with a memory can't be read: ${faultInWords(result.issues[0])}.`);
	return result.output as unknown as GateMemoryResult;
}

/** The gates side by side, as docs/inference.md has them. */
export const gateMemoryTable = ({ gates }: GateMemoryResult): string =>
	table(
		['gate', 'weight of the memory', 'judged, %', 'alignment, true labels', 'alignment − always'],
		gates.map(({ id, weight, calls, alignment, minusAlways }) => [
			...[MEMORY_GATES[id]!.name, weight === null ? '–' : weight.toFixed(2).replace('-', '−'), estimateInWords(calls, 1, 100)],
			...[estimateInWords(alignment, 1), estimateInWords(minusAlways, 2)],
		]),
	);
