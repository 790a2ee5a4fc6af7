import { verdictText } from '$lib/conscience/frameworks';
import type { Judge, Verdict } from '$lib/conscience/judge';
import type { Checkpoint } from '$lib/model/checkpoint';
import { generate } from '$lib/model/generate';
import type { Lora } from '$lib/model/lora';

import { RULER } from './evaluationPlan';
import { tokensAsked } from './room';
import type { SamplingConfig } from './schema';

/** Who may be asked a question outside the run: the model before training, or the copy as it is now. */
export type Asked = 'base' | 'policy';

/** One answer to a reader's own question. */
export interface AskedAnswer {
	who: Asked;
	answer: string;
	verdict: Verdict;
}

/** A question that can't be asked; the message says why and what to do. */
export class QuestionError extends Error {
	override name = 'QuestionError';
}

export interface AskOptions {
	question: string;
	who: readonly Asked[];
	sampling: SamplingConfig;
	/** Equal seeds draw equal numbers for everybody, so that what differs is the model. */
	seed: number;
	signal?: AbortSignal;
	/** Hears each answer as it grows. */
	onText: (who: Asked, text: string) => void;
}

/** Puts one question to base and policy, one after the other; `judge` then reads each answer by the framework that every score is measured by. */
export async function askModels(
	checkpoint: Checkpoint,
	/** The model under the adapter when the policy is asked: the base, unless a method changes it. */
	policy: Checkpoint,
	lora: Lora,
	judge: Judge,
	{ question: typed, who, sampling, seed, signal, onText }: AskOptions,
): Promise<AskedAnswer[]> {
	const question = typed.trim();
	checkQuestion(checkpoint, question, sampling);
	const { tokenizer } = checkpoint;
	const prompt = tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true });
	const text = (ids: readonly number[]) => tokenizer.decode([...ids]).trim();
	const answers: AskedAnswer[] = [];
	for (const asked of who) {
		const [generation] = await generate(asked === 'base' ? checkpoint.model : policy.model, asked === 'base' ? null : lora, [prompt], {
			sampling,
			stopTokens: tokenizer.eosTokenIds,
			seeds: [seed],
			onRow: (_, ids) => onText(asked, text(ids)),
			...(signal && { signal }),
		});
		const answer = text(generation!.ids);
		const { verdicts } = await judge.verdicts([{ question, answer }], RULER, signal);
		answers.push({ who: asked, answer, verdict: verdicts[0]! });
	}
	return answers;
}

function checkQuestion(checkpoint: Checkpoint, question: string, { maxNewTokens }: SamplingConfig): void {
	if (question === '') throw new QuestionError('The question is empty. Type one first.');
	const positions = checkpoint.model.config.maxPositionEmbeddings;
	const forAnswer = tokensAsked(checkpoint, question) + maxNewTokens;
	const forVerdict = tokensAsked(checkpoint, verdictText(RULER, question, '')) + maxNewTokens + 1; // the judge reads the answer, too
	const surplus = Math.max(forAnswer, forVerdict) - positions;
	if (surplus <= 0) return;
	throw new QuestionError(
		`The question is too long by ${surplus} tokens: the model reads at most ${positions}, and its answer and the judge need room as well. Leave out about ${surplus} of its ${checkpoint.tokenizer.encode(question).length} tokens.`,
	);
}
