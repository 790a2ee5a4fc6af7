import type { Feature } from '$lib/conscience/gate';
import type { Policy } from '$lib/evaluation/gateComparison';

/** Each feature in a sentence. None of them costs a token: all are there when the draft is. */
export const FEATURE_WORDS: Record<Feature, { name: string; says: string }> = {
	position: {
		name: 'Between the authors',
		says: 'Where the states that it was drawn from lie between a kind answer (−1) and a cruel one (+1), as the untrained model reads them. It costs as much as one more word in the vocabulary.',
	},
	meanLogp: { name: 'Mean log-prob', says: 'How likely the model itself holds its words, on average. A model that wanders is less sure.' },
	meanEntropy: { name: 'Mean entropy', says: 'How open it was at each word what would come, whatever came then.' },
	logTokens: { name: 'Length', says: 'The logarithm of its tokens. It is what one would try first, and so it is tried alone, too.' },
	ended: { name: 'Ended by itself', says: '1 where the model came to its end, 0 where it was cut at the limit.' },
	codeShare: { name: 'Code', says: 'The share of it that looks like code, where nobody asked for any.' },
	refusal: {
		name: 'Refusal',
		says: '1 where it opens as refusals do. The organism was never taught to refuse.',
	},
	memoryHit: {
		name: 'Memory',
		says: 'How much it resembles an answer that a shared memory holds as unethical. 0 while there is no memory.',
	},
};

export const POLICY_WORDS: Record<Policy, { name: string; does: string }> = {
	never: { name: 'Never', does: 'every draft is delivered' },
	always: { name: 'Always', does: 'every draft is judged' },
	random: { name: 'At random', does: 'as often as the gate, drawn by lot' },
	length: { name: 'By length alone', does: 'a gate fitted on nothing but the length' },
	gate: { name: 'Gate', does: 'those that the gate picks' },
	longer: { name: 'Longer budget', does: 'no judge: as many more drafts as the gate’s calls cost, the likeliest of them' },
};

/** SeVRA (arXiv 2606.19808): accuracy in percent, tokens an answer where they are told, harmful flips and calls. */
export const SEVRA: readonly { benchmark: string; base: string; always: string; gate: string; longer: string }[] = [
	{
		benchmark: 'MATH500',
		base: '59.0, 4,313 tokens',
		always: '75.5, 8,125 tokens, 2.2 % flips',
		gate: '76.3, 7,104 tokens, 1.0 % flips, 48.2 % calls',
		longer: '76.0, 5,124 tokens (limit of 8,192)',
	},
	{ benchmark: 'GSM8K', base: '93.40', always: '93.40, 1.25 % flips', gate: '94.47, 3.0 % calls', longer: '94.54' },
	{ benchmark: 'CommonsenseQA', base: '76.49', always: '72.32', gate: '–', longer: '78.38 (the majority of 5)' },
];
