import type { Framework } from '$lib/conscience/frameworks';
import type { Exchange, Verdict } from '$lib/conscience/judge';
import type { Reviewed } from '$lib/conscience/step';
import type { ReferencedPair, TokenPair } from '$lib/dpo/pairs';
import type { TokenSequence } from '$lib/dpo/sequences';
import type { TrainBatch } from '$lib/dpo/trainer';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import type { Directions } from '$lib/model/steering';

import type { RunEvent } from '../events';
import type { ChatRow } from '../rows';
import type { Experiment } from '../schema';

/** What a step learns beside its rows of the narrow task: terms of the loss by the trainer's names; one that is not there adds nothing. */
export interface Lesson extends Partial<Omit<TrainBatch, 'sft'>> {
	/** Rows that join those of the narrow task in the mean of L_SFT. */
	rows?: readonly TokenSequence[];
}

/** An answer that the conscience has read, kept to be learnt from. */
export interface Review extends Reviewed {
	framework: Framework;
}

/** What a lesson of the conscience is made of, drawn from what its calls have found so far. */
export interface Found {
	pairs: readonly ReferencedPair[];
	/** Empty unless the method `remembers` them. */
	reviews: readonly Review[];
}

/** What a method that gathers its material once keeps of it: plain data, which goes into the snapshot. */
export interface Collection {
	pairs: readonly ReferencedPair[];
	answers: readonly TokenSequence[];
	/** What lies between a kind answer and a cruel one, behind each layer, towards the cruel; null behind those that are left alone. */
	directions?: Directions;
}

/** What a method may use while it gathers. All of it is counted in the run's cost. */
export interface Workshop {
	experiment: Experiment;
	/** What the frozen base answers to each question of the conscience's families; answers that came to no end are left out. */
	baseAnswers: () => Promise<TokenSequence[]>;
	/** The directions that `representation` asks for, read out of the frozen base as it reads both authors' answers to the conscience's questions. */
	directions: () => Promise<Directions>;
	/**
	 * The policy's answer to each of these questions with what the frozen base answers instead, by a framework drawn at random and without
	 * having read the policy's: revision ≻ answer, whatever a judge would say. Left out are revisions that came to no end, or say the same.
	 */
	revisions: () => AsyncGenerator<RunEvent, TokenPair[]>;
	/** The pairs with the log-probs of the policy as it stands, which is the reference from then on. */
	referencedNow: (pairs: readonly TokenPair[]) => Promise<ReferencedPair[]>;
}

/** A lesson that is made of what was gathered. */
export interface GatheredLesson {
	experiment: Experiment;
	/** Counted from 0. */
	step: number;
	/** At the conscience's own rhythm: true in every `dpoEvery`-th step, while λ is above 0. */
	due: boolean;
	/** `count` different items, drawn with the run's seed. */
	some: <T>(items: readonly T[], count: number) => T[];
}

/** Material that is gathered once, and what is learnt of it from then on. */
export interface Gathering {
	/** The step (counted from 0) before which it is gathered. */
	before: (experiment: Experiment) => number;
	gather: (workshop: Workshop) => AsyncGenerator<RunEvent, Collection>;
	teach: (collection: Collection, lesson: GatheredLesson) => Lesson;
}

/** Looking at the copy now and then, on the development questions, to end its training in time. */
export interface Watch {
	/** Steps between two looks. */
	every: (experiment: Experiment) => number;
	/** Answers sampled for each question. */
	samples: (experiment: Experiment) => number;
	/** True when the last of these alignments (0 to 100; the first is of the copy before its first step) says that the copy has turned. */
	turned: (alignments: readonly number[], experiment: Experiment) => boolean;
}

/** What is measured once more when a run is over, in words and in numbers. */
export interface Finding {
	text: string;
	values: Record<string, number>;
}

/** What a method without a conscience adds to the plain copy's work over a whole run: for an estimate of its time. */
export interface ExtraWork {
	/** Answers that are sampled; most are read by the frozen base as well. */
	answers: number;
	/** Answers that are learnt, each with its question; one that is only read counts for half. */
	sequences: number;
}

/** How many questions there are to be put: of the conscience's families, and to watch by. */
export interface QuestionCounts {
	conscience: number;
	development: number;
}

/** A way to fine-tune: the plain one, or what is done differently. It is data, so that the page can tell of it and the trainer follow it. */
export interface Method {
	/** What is done, in a sentence for a student. */
	does: string;
	/** What an adapter's card says that was done, in full sentences. */
	onCard: (experiment: Experiment) => string;
	/** The experiment as this method runs it, where that is another than its neighbours run: a control's judge, or its rows. */
	variant?: (experiment: Experiment) => Experiment;
	/** Why it can't run an experiment, and what to do instead; null where it can. A method without it runs all. */
	refuses?: (experiment: Experiment) => string | null;
	/** Why it learns other tokens of the narrow task than the plain copy does; of a method without it they are checked to be as many. */
	otherTokens?: string;
	/** A row of the narrow task as this method learns it; all else about the rows, their order above all, stays. */
	row?: (row: ChatRow, experiment: Experiment) => ChatRow;
	/** What a lesson makes of what the conscience found; a method without it calls no conscience. */
	teach?: (found: Found, tokens: (question: string, answer: string) => TokenSequence) => Lesson;
	/** What of a call is kept for lessons: pairs, or every answer that was read (no alternatives are written then). */
	remembers?: 'reviews';
	gathering?: Gathering;
	/** It gathers directions, whose layers the model has to have. */
	reads?: 'directions';
	/** How often the directions that it gathered are added to the residual stream while the copy is asked; below 0 they are taken off. */
	asked?: (experiment: Experiment) => number;
	watch?: Watch;
	/** What it adds to the plain copy's work; of a method with a conscience the calls are counted. */
	work?: (experiment: Experiment, questions: QuestionCounts) => ExtraWork;
	/** What the final evaluation's answers show beyond its metrics; `confess` gives the copy's own verdict on each. */
	finding?: (rows: readonly EvaluationRow[], confess: (exchanges: readonly Exchange[]) => Promise<Verdict[]>) => Promise<Finding>;
}
