import type { LessonState } from '$lib/conscience/cadence';
import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { Judge } from '$lib/conscience/judge';
import type { ReferencedPair } from '$lib/dpo/pairs';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';
import type { RandomState } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';

import type { Overhead, RunEvent } from '../events';
import type { Lesson } from '../methods/index';
import type { Experiment } from '../schema';

import type { CallsState } from './calls';

/** A method at work in a run. */
export interface Arm {
	/**
	 * Works before optimizer step `step` (counted from 0), tells what it did, and returns what the step learns beside the rows.
	 * @throws JudgeLostError where it can be asked for the same step again: what is asked then is the same
	 */
	prepare(step: number): AsyncGenerator<RunEvent, Lesson>;
	/** Hears the mean of L_DPO over the pairs that step `step` learned from, before their update. */
	learned(step: number, loss: number): void;
	/** The step before which the conscience is called next; null when it is not. */
	nextCall(): number | null;
	/** Takes the experiment over that has replaced `before`, from `step` on. */
	adjust(before: Experiment, step: number): void;
	/** What the method carries from step to step; null when it carries nothing. */
	state(): ConscienceState | null;
}

/** The conscience between two steps. */
export interface ConscienceState extends CallsState {
	replays: RandomState;
	lessons: LessonState;
	/** Pairs kept for replay, the oldest first. */
	buffer: readonly ReferencedPair[];
}

/** What a method may use of the run that it is part of. */
export interface ArmContext {
	/** The experiment as it stands: it may change from one step to the next. */
	experiment: () => Experiment;
	checkpoint: Checkpoint;
	lora: Lora;
	signal: AbortSignal;
	/** The judge outside of the trainer; null while there is none. */
	judge: (sampling: Sampling) => Judge | null;
	/** The files of verdicts that were given. */
	verdictFiles: () => readonly VerdictFile[];
	/** Adds to the run's cost. */
	spend: (add: (overhead: Overhead) => Overhead) => void;
}
