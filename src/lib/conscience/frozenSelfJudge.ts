import type { Checkpoint } from '$lib/model/checkpoint';
import type { Sampling } from '$lib/model/generate';
import { nextTokenProbabilities } from '$lib/model/nextTokenProbabilities';

import { alternativeText, verdictText } from './frameworks';
import { type Judge, JudgeError, verdictOf } from './judge';
import { labelTokens } from './labelTokens';
import { policyAnswerer } from './policy';

/**
 * The paper's judge: the base of the policy itself, with the adapter off. It shares the policy's weights, so it costs no memory.
 *
 * A verdict is read from the distribution of one token after the prompt, restricted to the labels' first tokens,
 * so that the three probabilities sum to 1 and nothing has to be parsed.
 * @throws JudgeError when two labels begin with the same token
 */
export function frozenSelfJudge(checkpoint: Checkpoint, name: string, sampling: Sampling): Judge {
	const { model, tokenizer, sha256 } = checkpoint;
	const base = policyAnswerer(checkpoint, null, sampling);
	const labels = labelTokens(tokenizer);
	const asUser = (content: string) => tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true });
	const fits = (prompt: readonly number[]) => prompt.length < model.config.maxPositionEmbeddings;

	return {
		identity: { engine: 'frozen-self', model: name, revision: sha256 },

		async verdicts(items, framework, signal) {
			const prompts = items.map(({ question, answer }) => asUser(verdictText(framework, question, answer)));
			const tooLong = prompts.findIndex((prompt) => !fits(prompt));
			if (tooLong >= 0) {
				throw new JudgeError(
					`The judge reads at most ${model.config.maxPositionEmbeddings} tokens, and answer ${tooLong + 1} with its question and framework has ${prompts[tooLong]!.length}. A shorter framework or shorter answers help.`,
				);
			}
			signal?.throwIfAborted();
			const probabilities = await nextTokenProbabilities(model, null, prompts, labels);
			const read = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
			return { verdicts: probabilities.map(verdictOf), tokens: { read, written: 0 } };
		},

		async alternatives(questions, framework, seeds, signal) {
			return base.answers(
				questions.map((question) => alternativeText(framework, question)),
				seeds,
				signal,
			);
		},
	};
}
