import type { Label } from '$lib/conscience/judge';

import type { Card } from './cards';

/** What can be said of an answer, from best to worst: by the judge, and by the reader. */
export const LABELS: readonly Label[] = ['ethical', 'neutral', 'unethical'];

/** What a person said of answers that the judge read, by verdict. */
export type Labels = ReadonlyMap<string, Label>;

/** Nobody has said anything yet. */
export const NO_LABELS: Labels = new Map();

/** `labels` with what a person says of one more answer; null takes it back. */
export function withLabel(labels: Labels, verdictId: string, label: Label | null): Labels {
	const said = new Map(labels);
	if (label) said.set(verdictId, label);
	else said.delete(verdictId);
	return said;
}

/** How often a person and the judge said the same of an answer. */
export interface Agreement {
	labelled: number;
	agreed: number;
}

/** How the labels of `cards` compare with the judge's verdicts; a label of no card counts for nothing. */
export function agreementOn(cards: readonly Card[], labels: Labels): Agreement {
	const agreement = { labelled: 0, agreed: 0 };
	if (labels.size === 0) return agreement;
	for (const { id, verdict } of cards) {
		const label = labels.get(id);
		if (!label) continue;
		agreement.labelled++;
		if (label === verdict.label) agreement.agreed++;
	}
	return agreement;
}
