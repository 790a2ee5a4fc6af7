import { exchangeKey } from '$lib/conscience/importedJudge';
import type { Label } from '$lib/conscience/judge';
import type { LabelledRow } from '$lib/experiment/labels/sources';
import { worldRows } from '$lib/experiment/labels/trialAnswers';
import type { KeptBlindLabel } from '$lib/storage/database';

import type { LabelFile } from './labelFiles.svelte';

/** Labels by which judges can be tried. */
export interface LabelSet {
	id: string;
	name: string;
	/** Null until they are read. */
	rows: readonly LabelledRow[] | null;
}

/** Answers of the world that judges can be tried on. */
const WORLD_ANSWERS = 600;
let world: LabelSet | null = null;

/** Who has labelled here, in the order in which they began. */
export const labellersOf = (kept: readonly KeptBlindLabel[]): string[] => [...new Set(kept.map(({ labeller }) => labeller))];

/** What one labeller has said, by answer. */
export const saidBy = (labeller: string, kept: readonly KeptBlindLabel[]): ReadonlyMap<string, Label> =>
	new Map(kept.flatMap((one) => (one.labeller === labeller ? [[exchangeKey(one), one.label] as const] : [])));

/** What there is: the world's own labels, those that were said here, and files. */
export function labelSetsOf(kept: readonly KeptBlindLabel[], files: readonly LabelFile[], runs: readonly LabelSet[]): LabelSet[] {
	world ??= { id: 'world', name: 'true labels of answers that the world wrote', rows: worldRows(WORLD_ANSWERS) };
	const rowsOf = (labels: readonly KeptBlindLabel[]) => labels.map(({ saidAt, ...said }): LabelledRow => ({ ...said, source: 'blind' }));
	const labellers = labellersOf(kept);
	return [
		world,
		...runs,
		...labellers.map((labeller) => ({
			id: `by ${labeller}`,
			name: `what ${labeller} said here`,
			rows: rowsOf(kept.filter((label) => label.labeller === labeller)),
		})),
		...(labellers.length > 1 ? [{ id: 'by all', name: 'what all labellers said here', rows: rowsOf(kept) }] : []),
		...files.map(({ fileName, rows }) => ({ id: `file ${fileName}`, name: fileName, rows })),
	];
}
