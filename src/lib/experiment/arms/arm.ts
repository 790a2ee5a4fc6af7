import type { LessonState } from '$lib/conscience/cadence';
import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { Judge } from '$lib/conscience/judge';
import type { ReferencedPair } from '$lib/dpo/pairs';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora, LoraState } from '$lib/model/lora';
import type { RandomState } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';

import type { Overhead, RunEvent } from '../events';
import type { TakenAlong } from '../memoryTaken';
import type { ChatRow } from '../rows';
import type { Collection, Lesson, Review } from '../methods/index';
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
	/** Works once `done` steps are done, and returns whether the training ends with them: what is asked then is the copy as it is. */
	after(done: number): AsyncGenerator<RunEvent, boolean>;
	/** The step whose adapter the copy has since its training ended and gave an earlier one back; null while it has its own. */
	keptStep(): number | null;
	/** The step before which the conscience is called next; null when it is not. */
	nextCall(): number | null;
	/** Takes the experiment over that has replaced `before`, from `step` on. */
	adjust(before: Experiment, step: number): void;
	/** The model that carries the adapter when the copy is asked, in evaluations and by a reader; training and the conscience have the base. */
	asked(): Checkpoint;
	/** What the method carries from step to step. */
	state(): ArmState;
	/** Frees what it has put on the backend. */
	dispose(): void;
}

/** What a method carries from step to step; null for the parts that it does not have. */
export interface ArmState {
	conscience: ConscienceState | null;
	gathered: GatheringState | null;
	watched: WatchState | null;
}

/** What was gathered, and where the draws from it stand. */
export interface GatheringState {
	draws: RandomState;
	/** Null until it is gathered. */
	collection: Collection | null;
}

/** Looks at a copy so far. */
export interface WatchState {
	/** The alignment that each look found, the first of them before the first step. */
	alignments: readonly number[];
	/** The adapter at the last look at which it had not turned, and the steps it had done; null before the first. */
	kept: { step: number; adapter: LoraState } | null;
	stopped: boolean;
}

/** The conscience between two steps. */
export interface ConscienceState extends CallsState {
	replays: RandomState;
	lessons: LessonState;
	/** Pairs kept for replay, the oldest first. */
	buffer: readonly ReferencedPair[];
	/** Answers kept for replay, by a method that `remembers` them. */
	reviews: readonly Review[];
}

/** What a method may use of the run that it is part of. */
export interface ArmContext {
	/** The experiment as the method runs it now: it may change from one step to the next. */
	experiment: () => Experiment;
	checkpoint: Checkpoint;
	lora: Lora;
	signal: AbortSignal;
	/** The judge outside of the trainer; null while there is none. */
	judge: (sampling: Sampling) => Judge | null;
	/** The files of verdicts that were given. */
	verdictFiles: () => readonly VerdictFile[];
	/** The memory that was taken along, without what an evaluation asks; null where there is none. */
	memory: TakenAlong | null;
	/** The user's own rows; null where none were given. */
	rows: readonly ChatRow[] | null;
	/** Adds to the run's cost. */
	spend: (add: (overhead: Overhead) => Overhead) => void;
}
