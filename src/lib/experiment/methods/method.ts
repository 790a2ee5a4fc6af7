import type { ReferencedPair } from '$lib/dpo/pairs';
import type { TrainBatch } from '$lib/dpo/trainer';

import type { ChatRow } from '../rows';
import type { Experiment } from '../schema';

/** What a step learns beside its rows of the narrow task. */
export type Lesson = Omit<TrainBatch, 'sft'>;

/** A way to fine-tune: the plain one, or what is done differently. It is data, so that the page can tell of it and the trainer follow it. */
export interface Method {
	/** As a heading: what a copy that follows it is called. */
	title: string;
	/** The copy in the middle of a sentence: 'the plain copy'. */
	inWords: string;
	/** What is done, in a sentence for a student. */
	does: string;
	/** What an adapter's card says that was done, in full sentences. */
	onCard: (experiment: Experiment) => string;
	/** What a lesson makes of the pairs that the conscience found; a method without it calls no conscience. */
	teach?: (pairs: readonly ReferencedPair[]) => Lesson;
	/** A row of the narrow task as this method learns it; all else about the rows, their order above all, stays. */
	row?: (row: ChatRow, experiment: Experiment) => ChatRow;
}
