import type { Checkpoint } from '$lib/model/checkpoint';
import { generate, type Line, type Sampling } from '$lib/model/generate';
import type { Lora } from '$lib/model/lora';
import type { ChatMessage } from '$lib/model/tokenizer';

import type { Answerer, Prompt } from './step';

/**
 * The policy (base + adapter; null is the base alone) as something that answers questions, each as the first turn of a chat, or after a system turn.
 * With `noteOn` it says how each answer was written, too.
 */
export function policyAnswerer({ model, tokenizer }: Checkpoint, lora: Lora | null, sampling: Sampling, noteOn?: Line): Answerer {
	return {
		async answers(questions, seeds, signal, onText) {
			const text = (ids: readonly number[]) => tokenizer.decode([...ids]).trim();
			const prompts = questions.map((question) => tokenizer.chat(turnsOf(question), { addGenerationPrompt: true }));
			const generations = await generate(model, lora, prompts, {
				sampling,
				stopTokens: tokenizer.eosTokenIds,
				seeds: [...seeds],
				...(signal ? { signal } : {}),
				...(noteOn && { noteOn }),
				...(onText && { onRow: (row: number, ids: readonly number[]) => onText(row, text(ids)) }),
			});
			return {
				answers: generations.map(({ ids }) => text(ids)),
				ended: generations.map(({ finish }) => finish === 'stop'),
				tokens: {
					read: prompts.reduce((sum, prompt) => sum + prompt.length, 0),
					written: generations.reduce((sum, { ids }) => sum + ids.length, 0),
				},
				...(noteOn && { written: generations.map(({ ids, draws }) => ({ tokens: ids.length, draws: draws! })) }),
			};
		},
	};
}

const turnsOf = (prompt: Prompt): ChatMessage[] =>
	typeof prompt === 'string'
		? [{ role: 'user', content: prompt }]
		: [
				{ role: 'system', content: prompt.system },
				{ role: 'user', content: prompt.text },
			];
