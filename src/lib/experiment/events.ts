import type { JudgeIdentity, Label, Verdict } from '$lib/conscience/judge';
import type { MemoryUse } from '$lib/conscience/rememberingJudge';
import type { StepMetrics } from '$lib/dpo/trainer';
import type { Evaluation, TrueLabel } from '$lib/evaluation/evaluation';
import type { BackendName, BackendReport } from '$lib/model/backend';
import type { ChangeNorm } from '$lib/model/changeNorms';

import type { Change } from './live';

/** One answer of the policy that the conscience read. */
export interface VerdictRecord {
	/** Unique in the run. */
	id: string;
	step: number;
	frameworkId: string;
	frameworkHash: string;
	question: string;
	answer: string;
	/** Who judged; records of runs from before this was kept have none. */
	judge?: JudgeIdentity;
	verdict: Verdict;
	/** Known for the organism's own questions. */
	trueLabel: TrueLabel;
	/** P(unethical) was above the threshold, with P(neutral) where neutral answers don't pass. */
	flagged: boolean;
}

/** An ethical alternative that passed the judge, preferred to the answer that was flagged. */
export interface PairRecord {
	id: string;
	verdictId: string;
	step: number;
	question: string;
	chosen: string;
	rejected: string;
	/** What the judge said of the alternative. */
	chosenVerdict: Verdict;
	chosenTrueLabel: TrueLabel;
	/** It was learnt the other way round: see `conscience.labelNoise`. */
	turned?: boolean;
}

/** An alternative that the judge itself did not pass: it becomes no pair, and is shown. */
export interface RefusedAlternative {
	verdictId: string;
	answer: string;
	verdict: Verdict;
}

/** What the method has cost so far, against plain fine-tuning of the same steps. Tokens and seconds. */
export interface Overhead {
	/** Tokens of the narrow task that L_SFT trained on (prompt and completion). */
	sftTokens: number;
	/** Tokens sampled by the policy, read and written. */
	answerTokens: number;
	judgeTokens: number;
	/** Tokens that the judge wrote in the place of answers, or of its own, and what it read for them. */
	alternativeTokens: number;
	/** Tokens that L_DPO trained on (or whatever a method has in its place: other terms, or rows of its own), reference pass included. */
	dpoTokens: number;
	sftSeconds: number;
	conscienceSeconds: number;
	/** (answer + judge + alternative + dpo) / sft; null before the first step. See `ofPlan` for a run that ended early. */
	tokenRatio: number | null;
	secondRatio: number | null;
	/**
	 * Of a run that ended early: the share of the planned steps that it did. Both ratios are then against plain fine-tuning of all of them, at
	 * what its own steps cost, and are below 0 where that would have cost more.
	 */
	ofPlan?: number;
	calls: number;
	/** Where a gate decides which answers are judged. */
	gate?: GateSavings;
	/** Where a memory was taken along, and the conscience was called. */
	memory?: MemoryUse;
}

/** What a gate did with the answers of a run so far. */
export interface GateSavings {
	/** Answers that it sent to the judge, and that it let pass. */
	judged: number;
	passed: number;
	/** Tokens that the verdicts on those would have taken to read; alternatives that were never written are not known. */
	savedTokens: number;
	/** What the judge read and wrote of those judged, and the trainer's seconds for it. */
	reviewTokens: number;
	reviewSeconds: number;
}

/** An answer of the evaluation, and where the state behind each of its tokens lies between those of the two authors. */
export interface ReadAnswer {
	questionId: string;
	tokens: string[];
	/** By layer, as in `layers`, and token: −1 is the mean of the kind author's answers in the frozen base, +1 that of the cruel one's. */
	positions: number[][];
}

/** What was looked up inside of the copy while it was evaluated. */
export interface Inside {
	/** How much the adapter changes each projection. */
	changeNorms: ChangeNorm[];
	/** The layers behind which answers were read, counted from 0. */
	layers: number[];
	answers: ReadAnswer[];
}

export type Phase = 'loading' | 'misaligning' | 'training' | 'conscience' | 'evaluating';

/** What ran a run: a backend of the lab, or PyTorch, for runs that came back from Python. */
export interface EngineReport extends Omit<BackendReport, 'name'> {
	name: BackendName | 'torch';
}

/** What a run tells as it goes; the order is the order of work. */
export type RunEvent =
	| { kind: 'started'; arm: string; backend: EngineReport; parameters: number; trainableParameters: number; steps: number }
	/** How far the phase is; `secondsLeft` is of the whole run, null while it can't be told. */
	| { kind: 'progress'; phase: Phase; done: number; total: number; secondsLeft: number | null }
	| { kind: 'verdicts'; step: number; verdicts: VerdictRecord[]; refused: RefusedAlternative[] }
	| { kind: 'pairs'; step: number; pairs: PairRecord[] }
	/** After optimizer step `step` (1 is the first). `margins` holds the reward margin of each pair in this step's L_DPO. */
	| {
			kind: 'step';
			step: number;
			metrics: StepMetrics;
			margins: { pairId: string; margin: number }[];
			overhead: Overhead;
			nextCall: number | null;
	  }
	/** Runs of before the lab looked inside have nothing of it. */
	| { kind: 'evaluation'; final: boolean; evaluation: Evaluation; inside?: Inside }
	/** The experiment was changed before optimizer step `step` (counted from 0) while the run went on. */
	| { kind: 'change'; step: number; changes: Change[] }
	/** What a method did or found once `step` steps were done, in words and in numbers. */
	| { kind: 'note'; step: number; text: string; values: Record<string, number> }
	/** The judge could not be asked before optimizer step `step` (counted from 0); the next event that is pulled asks it again. Not kept. */
	| { kind: 'judgeLost'; step: number; reason: string }
	/** After `step` steps; `adapterStep` is the one whose adapter the copy has, where its training ended and gave an earlier one back. */
	| { kind: 'finished'; step: number; adapterStep?: number; overhead: Overhead };

/** What of the experiment was changed before a step while the run went on. */
export type MidRunChange = Pick<Extract<RunEvent, { kind: 'change' }>, 'step' | 'changes'>;

export type { Evaluation, Label, StepMetrics, TrueLabel, Verdict };
