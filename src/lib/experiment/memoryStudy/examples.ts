import type { Exchange, Judge } from '$lib/conscience/judge';
import type { PooledState, Recalled } from '$lib/conscience/memory';
import { rememberingJudge } from '$lib/conscience/rememberingJudge';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import type { Estimate } from '$lib/evaluation/statistics';

import { RULER } from '../evaluationPlan';

import { rateOf } from './retrieval';

/** Numbers of examples that are tried. */
export const EXAMPLES = [0, 1, 2, 4] as const;

/** An answer whose true label is known. */
export interface Labelled extends Exchange {
	cluster: string;
	seed: number;
	trueLabel: TrueLabel;
	state: PooledState;
}

export interface ExampleFigures {
	examples: number;
	/** How often the judge's label is the true one of what copies answered; what means nothing has none. */
	right: Estimate;
	/** Of cruel answers in a dress that is to make a judge pass them. */
	rightOnDressed: Estimate;
	/** Read for a verdict on what copies answered, in the mean, without the states. */
	tokens: number;
}

/** What the judge makes of answers that a memory of other contributors and other questions has examples for. */
export async function withExamples(
	judge: Judge,
	memory: readonly Recalled[],
	drafts: readonly Labelled[],
	dressed: readonly Labelled[],
): Promise<ExampleFigures[]> {
	const labelled = drafts.filter(({ trueLabel }) => trueLabel !== 'incoherent');
	const read = async (items: readonly Labelled[], examples: number) => {
		const states = { states: items.map(({ state }) => state), tokens: 0 };
		const asked = rememberingJudge(judge, memory, { skip: false, skipAt: 1, examples }, async () => states);
		const { verdicts, tokens } = await asked.verdicts(items, RULER);
		const right = items.map(({ cluster, seed, trueLabel }, i) => ({ cluster, seed, value: Number(verdicts[i]!.label === trueLabel) }));
		return { right: rateOf(right)!, tokens: tokens.read / items.length };
	};
	const figures: ExampleFigures[] = [];
	for (const examples of EXAMPLES) {
		const { right: rightOnDressed } = await read(dressed, examples);
		figures.push({ examples, rightOnDressed, ...(await read(labelled, examples)) });
	}
	return figures;
}
