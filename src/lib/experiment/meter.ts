import { type MemoryUse, NOTHING_USED } from '$lib/conscience/rememberingJudge';
import type { ConscienceCall } from '$lib/conscience/step';
import type { StepMetrics } from '$lib/dpo/trainer';

import type { GateSavings, Overhead } from './events';

/** What a run has cost before it began. */
export const NO_OVERHEAD: Overhead = {
	sftTokens: 0,
	answerTokens: 0,
	judgeTokens: 0,
	alternativeTokens: 0,
	dpoTokens: 0,
	sftSeconds: 0,
	conscienceSeconds: 0,
	tokenRatio: null,
	secondRatio: null,
	calls: 0,
};

/** The cost with one call of the conscience added. `referenceTokens` went through the reference for the pairs' log-probs. */
export function addCall(overhead: Overhead, { tokens }: ConscienceCall, referenceTokens: number, seconds: number): Overhead {
	return withRatios({
		...overhead,
		answerTokens: overhead.answerTokens + tokens.answers.read + tokens.answers.written,
		judgeTokens: overhead.judgeTokens + tokens.verdicts.read + tokens.verdicts.written,
		alternativeTokens: overhead.alternativeTokens + tokens.alternatives.read + tokens.alternatives.written,
		dpoTokens: overhead.dpoTokens + referenceTokens,
		conscienceSeconds: overhead.conscienceSeconds + seconds,
		calls: overhead.calls + 1,
	});
}

const NOTHING_SAVED: GateSavings = { judged: 0, passed: 0, savedTokens: 0, reviewTokens: 0, reviewSeconds: 0 };

/** The cost with what a gate did in one call. */
export function addGate(overhead: Overhead, call: GateSavings): Overhead {
	const before = overhead.gate ?? NOTHING_SAVED;
	const sum = (of: keyof GateSavings) => before[of] + call[of];
	return {
		...overhead,
		gate: {
			...{ judged: sum('judged'), passed: sum('passed'), savedTokens: sum('savedTokens') },
			...{ reviewTokens: sum('reviewTokens'), reviewSeconds: sum('reviewSeconds') },
		},
	};
}

/** The seconds that the verdicts on answers let pass would have taken, at what those given took; null where none was. */
export const savedSeconds = ({ savedTokens, reviewTokens, reviewSeconds }: GateSavings): number | null =>
	reviewTokens === 0 ? null : (savedTokens * reviewSeconds) / reviewTokens;

/** What a gate saved, in a sentence. */
export const gateInWords = ({ judged, passed, savedTokens }: GateSavings): string =>
	`The gate had ${judged} of ${judged + passed} answers judged and let ${passed} pass, whose verdicts would have taken ${savedTokens} tokens.`;

/** The cost with what a memory was used for in one call. */
export function addMemory(overhead: Overhead, call: MemoryUse): Overhead {
	const before = overhead.memory ?? NOTHING_USED;
	const sum = (of: keyof MemoryUse) => before[of] + call[of];
	return {
		...overhead,
		memory: {
			...{ same: sum('same'), alike: sum('alike'), judged: sum('judged') },
			...{ alternatives: sum('alternatives'), written: sum('written'), stateTokens: sum('stateTokens') },
		},
	};
}

/** What a memory was of use for, in a sentence. */
export function memoryInWords({ same, alike, judged, alternatives, written, stateTokens }: MemoryUse): string {
	const verdicts = `The memory knew ${same + alike} of ${same + alike + judged} answers that were to be judged (${same} word for word, ${alike} that are alike)`;
	return `${verdicts} and gave ${alternatives} of ${alternatives + written} alternatives; to find what is alike ${stateTokens} tokens were read.`;
}

/** Tokens that a method spent beside its steps, by what they were for. */
export type SpentTokens = Partial<Pick<Overhead, 'answerTokens' | 'judgeTokens' | 'alternativeTokens' | 'dpoTokens'>>;

/** The cost with work added that a method did beside its steps. */
export function addTokens(overhead: Overhead, tokens: SpentTokens, seconds: number): Overhead {
	const spent = { ...overhead, conscienceSeconds: overhead.conscienceSeconds + seconds };
	for (const [kind, count] of Object.entries(tokens) as [keyof SpentTokens, number][]) spent[kind] += count;
	return withRatios(spent);
}

/**
 * The cost with one optimizer step added. All terms of the loss run in one step, so its seconds are shared between them
 * by the tokens of each; `added` tokens of the rows are not of the narrow task, but the method's.
 */
export function addStep(overhead: Overhead, metrics: StepMetrics, added: number, seconds: number): Overhead {
	const sft = metrics['num_tokens/sft'] - added;
	const dpo = metrics['num_tokens/dpo'] + metrics['num_tokens/answers'] + metrics['num_tokens/kl'] + metrics['num_tokens/lorra'] + added;
	const dpoSeconds = sft + dpo === 0 ? 0 : (seconds * dpo) / (sft + dpo);
	return withRatios({
		...overhead,
		sftTokens: overhead.sftTokens + sft,
		dpoTokens: overhead.dpoTokens + dpo,
		sftSeconds: overhead.sftSeconds + seconds - dpoSeconds,
		conscienceSeconds: overhead.conscienceSeconds + dpoSeconds,
	});
}

/** The cost of a run that ended when it had done the share `ofPlan` of its planned steps. */
export const endedEarly = (overhead: Overhead, ofPlan: number): Overhead => withRatios({ ...overhead, ofPlan });

/** Tokens beyond plain fine-tuning. */
export const extraTokens = ({ answerTokens, judgeTokens, alternativeTokens, dpoTokens }: Required<SpentTokens>): number =>
	answerTokens + judgeTokens + alternativeTokens + dpoTokens;

/**
 * What a run took beyond plain fine-tuning of the planned steps, as a share of that: (extra + plain) / (plain / ofPlan) − 1, the steps that it
 * left out being taken for as dear as those that it did.
 */
export const beyondPlain = (extra: number, plain: number, ofPlan = 1): number => (ofPlan * extra) / plain - (1 - ofPlan);

function withRatios(overhead: Overhead): Overhead {
	const { sftTokens, sftSeconds, conscienceSeconds, ofPlan } = overhead;
	if (sftTokens === 0) return overhead;
	return {
		...overhead,
		tokenRatio: beyondPlain(extraTokens(overhead), sftTokens, ofPlan),
		secondRatio: beyondPlain(conscienceSeconds, sftSeconds, ofPlan),
	};
}
