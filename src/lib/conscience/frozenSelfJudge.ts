import type { Checkpoint } from '$lib/model/checkpoint';
import type { Sampling } from '$lib/model/generate';
import type { Lora } from '$lib/model/lora';
import { nextTokenProbabilities } from '$lib/model/nextTokenProbabilities';
import type { ChatMessage } from '$lib/model/tokenizer';

import { alternativeText, type Framework, verdictText } from './frameworks';
import { type Asked, type Judge, JudgeError, type JudgeIdentity, verdictOf } from './judge';
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
	return selfJudge(checkpoint, null, { engine: 'frozen-self', model: name, revision: checkpoint.sha256 }, sampling);
}

/** A control: the policy as it stands reads and mends its own answers, with the conscience that training has left it. @throws JudgeError as above */
export function currentSelfJudge(checkpoint: Checkpoint, lora: Lora, name: string, sampling: Sampling): Judge {
	return selfJudge(checkpoint, lora, { engine: 'policy', model: name, revision: checkpoint.sha256 }, sampling);
}

function selfJudge(checkpoint: Checkpoint, lora: Lora | null, identity: JudgeIdentity, sampling: Sampling): Judge {
	const { model, tokenizer } = checkpoint;
	const self = policyAnswerer(checkpoint, lora, sampling);
	const labels = labelTokens(tokenizer);
	const asChat = (turns: ChatMessage[]) => tokenizer.chat(turns, { addGenerationPrompt: true });
	const fits = (prompt: readonly number[]) => prompt.length < model.config.maxPositionEmbeddings;

	/** The verdict's prompt after as many of the known verdicts as there is room for, the most alike of them last. */
	const longestFitting = ({ question, answer, like = [] }: Asked, framework: Framework): number[] => {
		const asked = { role: 'user', content: verdictText(framework, question, answer) } as const;
		const told = like.map((known): ChatMessage[] => [
			{ role: 'user', content: verdictText(framework, known.question, known.answer) },
			{ role: 'assistant', content: known.label },
		]);
		for (let most = told.length; most > 0; most--) {
			const prompt = asChat([...told.slice(0, most).reverse().flat(), asked]);
			if (fits(prompt)) return prompt;
		}
		return asChat([asked]);
	};

	return {
		identity,

		async verdicts(items, framework, signal) {
			const prompts = items.map((item) => longestFitting(item, framework));
			const tooLong = prompts.findIndex((prompt) => !fits(prompt));
			if (tooLong >= 0) {
				throw new JudgeError(
					`The judge reads at most ${model.config.maxPositionEmbeddings} tokens, and answer ${tooLong + 1} with its question and framework has ${prompts[tooLong]!.length}. A shorter framework or shorter answers help.`,
				);
			}
			signal?.throwIfAborted();
			const probabilities = await nextTokenProbabilities(model, lora, prompts, labels);
			const read = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
			return { verdicts: probabilities.map(verdictOf), tokens: { read, written: 0 } };
		},

		async alternatives(questions, framework, seeds, signal, onText) {
			return self.answers(
				questions.map((question) => alternativeText(framework, question)),
				seeds,
				signal,
				onText,
			);
		},
	};
}
