/** What the frozen self is asked, put to a model in WebLLM: one answer, or one question, at a time. */
import type { Sampling } from '$lib/model/sampling';

import { alternativeText, type Framework, verdictText } from './frameworks';
import { type Exchange, JudgeError, JudgeLostError, type TokenCount, type Verdict, verdictOf } from './judge';
import type { JudgeModel } from './webllm';

/** Further tries of a request that failed. */
const RETRIES = 2;

/** The model's verdict. @throws JudgeError when the text is too long; JudgeLostError; the signal's reason */
export async function verdictOn(
	model: JudgeModel,
	{ question, answer }: Exchange,
	framework: Framework,
	signal?: AbortSignal,
): Promise<{ verdict: Verdict; tokens: TokenCount }> {
	return insist(signal, async () => {
		const { probabilities, tokens } = await model.labelProbabilities(verdictText(framework, question, answer), signal);
		const sum = probabilities.reduce((total, probability) => total + probability, 0);
		if (!(Math.abs(sum - 1) < 1e-6)) throw new Error(`The probabilities of the labels are ${probabilities.join(', ')}.`);
		return { verdict: verdictOf(probabilities), tokens };
	});
}

/** An ethical answer by the model; equal seeds, equal answers. @throws as `verdictOn` */
export async function alternativeTo(
	model: JudgeModel,
	question: string,
	framework: Framework,
	{ seed, sampling }: { seed: number; sampling: Sampling },
	signal?: AbortSignal,
): Promise<{ answer: string; ended: boolean; tokens: TokenCount }> {
	const { text, ended, tokens } = await insist(signal, () => model.write(alternativeText(framework, question), seed, sampling, signal));
	return { answer: text, ended, tokens };
}

/** Repeats what fails for no reason of its own; when that does not help, the judge counts as lost. */
async function insist<R>(signal: AbortSignal | undefined, ask: () => Promise<R>): Promise<R> {
	for (let tries = 0; ; tries++) {
		try {
			return await ask();
		} catch (error) {
			// Another try would end in the same way.
			if (signal?.aborted || error instanceof JudgeError || error instanceof JudgeLostError) throw error;
			if (tries < RETRIES) continue;
			const why = error instanceof Error ? error.message : String(error);
			throw new JudgeLostError(`The judge failed ${RETRIES + 1} times. ${why} Load it again, or let the frozen copy in the trainer judge.`);
		}
	}
}
