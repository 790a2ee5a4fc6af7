import { invertedJudge, permutedJudge } from '$lib/conscience/controlJudges';
import { type Framework, frameworkHash } from '$lib/conscience/frameworks';
import { currentSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { lineOf } from '$lib/conscience/gate';
import { importedJudge } from '$lib/conscience/importedJudge';
import { type Judge, type JudgeIdentity, JudgeLostError } from '$lib/conscience/judge';
import { oracleJudge } from '$lib/conscience/oracleJudge';
import type { MemoryUse } from '$lib/conscience/rememberingJudge';
import { policyAnswerer } from '$lib/conscience/policy';
import { type ConscienceCall, draftAnswers, type Drafts, reviewDrafts } from '$lib/conscience/step';
import { type ReferencedPair, type TokenPair, withReference } from '$lib/dpo/pairs';
import { seededRandom } from '$lib/model/random';
import type { Tokenizer } from '$lib/model/tokenizer';
import { trueLabel } from '$world/index';

import { baseJudge } from '../baseJudge';
import { completionTokens } from '../data';
import type { PairRecord, RefusedAlternative, VerdictRecord } from '../events';
import type { Review } from '../methods/index';
import { verdictFileFor } from '../verdictFile';

import type { ArmContext } from './arm';
import { answerSeeds } from './callDraws';
import { gateDrafts, gateFor } from './gated';
import { withMemory } from './remembered';

/** A call of the conscience, from the policy's answers until its lessons are there. */
export interface CallUnderWay {
	/** The optimizer step (counted from 0) before which the policy answered. */
	step: number;
	/** The step before which its lessons have to be there. */
	due: number;
	framework: Framework;
	drafts: Drafts;
	/** What it has cost so far, in seconds that the trainer spent on it. */
	seconds: number;
	/** Where a gate decides: answers that it has let pass, which are no drafts any more, and the tokens that their verdicts would have taken. */
	gated: { passed: number; savedTokens: number } | null;
}

/** What the judge said of a call, and who it was. */
export interface JudgedCall {
	call: ConscienceCall;
	judge: JudgeIdentity;
	/** What a memory has said of it; null where there is none. */
	used: MemoryUse | null;
}

/** Lets the policy answer the `index`-th call's questions before `step`; its lessons are due `conscience.lag` steps later. */
export async function askPolicy(
	{ checkpoint, lora, signal, experiment: current }: ArmContext,
	framework: Framework,
	questions: readonly string[],
	step: number,
	index: number,
): Promise<CallUnderWay> {
	const start = performance.now();
	const { seed, conscience } = current();
	const gate = gateFor(conscience);
	const policy = policyAnswerer(checkpoint, lora, conscience.sampling, gate ? lineOf(gate, checkpoint.model.config.hiddenSize) : undefined);
	const seeds = answerSeeds(seed, index, questions.length);
	const { written, ...drafts } = await draftAnswers(policy, questions, seeds, signal);
	const kept = gate && written ? gateDrafts(gate, framework, drafts, written, checkpoint.tokenizer) : { drafts, gated: null };
	return { step, due: step + conscience.lag, framework, ...kept, seconds: (performance.now() - start) / 1000 };
}

/** Asks the judge that the experiment names. @throws JudgeError; JudgeLostError where it is outside of the trainer and not there */
export async function review(
	context: ArmContext,
	{ framework, drafts }: Pick<CallUnderWay, 'framework' | 'drafts'>,
	mends: boolean,
	signal: AbortSignal,
): Promise<JudgedCall> {
	const { judge, used } = withMemory(context, judgeOf(context));
	const { threshold, neutral } = context.experiment().conscience;
	const call = await reviewDrafts(judge, drafts, { framework, threshold, neutral, mends, signal });
	return { call, judge: judge.identity, used: used() };
}

function judgeOf(context: ArmContext): Judge {
	const { checkpoint, lora, judge, verdictFiles } = context;
	const experiment = context.experiment();
	const { model, conscience } = experiment;
	const frozenSelf = () => baseJudge(experiment, checkpoint);
	switch (conscience.judge) {
		case 'oracle':
			return oracleJudge();
		case 'frozen-self':
			return frozenSelf();
		case 'policy':
			return currentSelfJudge(checkpoint, lora, model.checkpoint, conscience.sampling);
		case 'permuted':
			return permutedJudge(frozenSelf());
		case 'inverted':
			return invertedJudge(frozenSelf());
		case 'imported':
			return importedJudge(verdictFileFor(experiment, verdictFiles()), frozenSelf());
		case 'webllm': {
			const outside = judge(conscience.sampling);
			if (outside) return outside;
			throw new JudgeLostError('There is no WebLLM judge here.');
		}
	}
}

/** The preferences that a call found, with the reference's log-probs; those that are turned round are learnt so. */
export function pairsOf({ reviewed }: ConscienceCall, step: number, context: ArmContext): Promise<ReferencedPair[]> {
	const { tokenizer, model } = context.checkpoint;
	const pairs = reviewed.flatMap(({ question, answer, ended, alternative }, i): TokenPair[] => {
		if (!alternative?.passed) return [];
		const pair = tokenPair(recordId(step, i), question, alternative.answer, { answer, ended }, tokenizer);
		return [isTurned(context, pair.id) ? { ...pair, chosen: pair.rejected, rejected: pair.chosen } : pair];
	});
	return withReference(model, pairs);
}

/** better ≻ draft after a question, as tokens. */
export const tokenPair = (
	id: string,
	question: string,
	better: string,
	{ answer, ended }: { answer: string; ended: boolean },
	tokenizer: Tokenizer,
): TokenPair => ({
	id,
	prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
	chosen: completionTokens(better, tokenizer),
	rejected: ended ? completionTokens(answer, tokenizer) : tokenizer.encode(answer),
});

/** True of the share `conscience.labelNoise` of the pairs, which is turned round: a draw for each pair by its own name, so that no other draw is moved. */
export function isTurned({ experiment: current }: Pick<ArmContext, 'experiment'>, pairId: string): boolean {
	const { seed, conscience } = current();
	return conscience.labelNoise > 0 && seededRandom(seed, `label noise ${pairId}`)() < conscience.labelNoise;
}

/** What was read and written, as the run's record keeps it. A verdict and its pair have one id. */
export async function recordsOf(
	reviews: readonly Review[],
	judge: JudgeIdentity,
	step: number,
	turned: (pairId: string) => boolean,
): Promise<{ verdicts: VerdictRecord[]; pairs: PairRecord[]; refused: RefusedAlternative[] }> {
	const hashes = new Map<Framework, string>();
	for (const framework of new Set(reviews.map((review) => review.framework))) hashes.set(framework, await frameworkHash(framework));
	const verdicts = reviews.map(({ framework, question, answer, verdict, flagged }, i) => ({
		id: recordId(step, i),
		step,
		frameworkId: framework.id,
		frameworkHash: hashes.get(framework)!,
		question,
		answer,
		judge,
		verdict,
		trueLabel: trueLabel(answer),
		flagged,
	}));
	const pairs: PairRecord[] = [];
	const refused: RefusedAlternative[] = [];
	reviews.forEach(({ question, answer, alternative }, i) => {
		if (!alternative) return;
		const { answer: chosen, verdict, passed } = alternative;
		const id = recordId(step, i);
		if (passed)
			pairs.push({
				id,
				verdictId: id,
				step,
				question,
				chosen,
				rejected: answer,
				chosenVerdict: verdict,
				chosenTrueLabel: trueLabel(chosen),
				...(turned(id) && { turned: true }),
			});
		else refused.push({ verdictId: id, answer: chosen, verdict });
	});
	return { verdicts, pairs, refused };
}

export const recordId = (step: number, index: number) => `${step}-${index}`;
