import type { ModelFit, Remedy } from '$lib/experiment/modelFit';

import { sizeInWords } from '../format';

/** A model that is known to run in the lab. */
export interface KnownModel {
	id: string;
	parameters: string;
	/** In 16 bits, as it is published. */
	download: string;
	about: string;
}

export const KNOWN: readonly KnownModel[] = [
	{
		id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
		parameters: '135 million',
		download: '0.3 GB',
		about: 'The smallest of them, and the one to begin with: it downloads and trains soonest.',
	},
	{
		id: 'HuggingFaceTB/SmolLM2-360M-Instruct',
		parameters: '362 million',
		download: '0.7 GB',
		about: 'Its larger sibling, at nearly three times the memory.',
	},
	{
		id: 'Qwen/Qwen2.5-0.5B-Instruct',
		parameters: '494 million',
		download: '1.0 GB',
		about: 'Made for many languages, with a vocabulary of 150,000 tokens, which is a quarter of its weights.',
	},
	{
		id: 'Qwen/Qwen2.5-Coder-0.5B-Instruct',
		parameters: '494 million',
		download: '1.0 GB',
		about: 'The same shape, trained on code, which is the narrow task here.',
	},
	{
		id: 'Qwen/Qwen3-0.6B',
		parameters: '596 million',
		download: '1.5 GB',
		about: 'The newest and largest of them. Its chat template can let it think first; in the lab it answers at once.',
	},
];

export const VERDICTS: Readonly<Record<ModelFit['verdict'], string>> = { fits: 'Fits', tight: 'Tight', no: 'Doesn’t fit' };

/** Why it fits, or doesn't. */
export function reasonOf({ verdict, memory, copies, assumed, tooLarge }: ModelFit): string {
	if (tooLarge)
		return `One of its matrices takes ${sizeInWords(tooLarge.bytes)}, and this machine takes at most ${sizeInWords(tooLarge.most)} at a time.`;
	const all = copies === 1 ? 'A copy takes' : `${copies} copies, each with the model to itself, take`;
	const needs = `${all} about ${sizeInWords(copies * memory.total)} while training and judging`;
	const most = `${sizeInWords(assumed)} that are assumed to be free for it`;
	if (verdict === 'fits') return `${needs}, well below the ${most}.`;
	if (verdict === 'tight') return `${needs}, near the ${most}: close other tabs and programs first.`;
	return `${needs}, more than the ${most}.`;
}

export function remedyInWords({ kind, bytes }: Remedy): string {
	const then = `then it takes about ${sizeInWords(bytes)}`;
	if (kind === 'again')
		return `Compute blocks again for the gradient (LoRA and optimizer, on the lab’s page): the step stays the same and takes about a third more time; ${then}.`;
	if (kind === 'parts') return `Read a step in parts of one row each (LoRA and optimizer): the step stays the same; ${then}.`;
	if (kind === 'halves') return `Keep the weights in 16 bits (Model): ${then}.`;
	if (kind === 'integers') return `Keep the weights in 8 bits (Model), which changes its answers a little: ${then}.`;
	if (kind === 'copies') return `Train one copy at a time: ${then}.`;
	if (kind === 'length') return `Leave out rows of more than 256 tokens: ${then}.`;
	return `All of that together: ${then}.`;
}

/** The parts of a copy's memory, largest first. */
export const partsOf = ({ weights, adapter, activations, logits, cache }: ModelFit['memory']): readonly (readonly [string, number])[] =>
	(
		[
			['frozen weights', weights],
			['what is kept for the gradient', activations],
			['scores of the vocabulary', logits],
			['answers being written', cache],
			['adapter and optimizer', adapter],
		] as const
	).toSorted(([, a], [, b]) => b - a);
