/**
 * Every method by its id, in the order in which the page names them, and what the page says of it at first sight. A new one is a file beside
 * this one, a line here, and one in each.ts, from where whoever follows the methods or explains them has the rest.
 */

export type {
	Collection,
	ExtraWork,
	Finding,
	Found,
	GatheredLesson,
	Gathering,
	Lesson,
	Method,
	QuestionCounts,
	Review,
	Watch,
	Workshop,
} from './method';

/** How a copy is called, and whether it works beside its steps: with a conscience that is called on the way, or apart from that. */
export interface Copy {
	/** As a heading. */
	title: string;
	/** In the middle of a sentence: 'the plain copy'. */
	inWords: string;
	works: 'conscience' | 'apart' | null;
}

const copy = (title: string, inWords: string, works: Copy['works'] = null): Copy => ({ title, inWords, works });

const BY_ID = {
	sft: copy('Plain fine-tune', 'the plain copy'),
	'emergent-alignment': copy('With conscience', 'the copy with a conscience', 'conscience'),
	'alternatives-only': copy('Good answers only', 'the copy that is shown good answers only', 'conscience'),
	inoculation: copy('Inoculated', 'the inoculated copy'),
	'random-labels': copy('Coin for a conscience', 'the copy whose pairs a coin decides', 'conscience'),
	'shuffled-verdicts': copy('Shuffled verdicts', 'the copy with shuffled verdicts', 'conscience'),
	'cai-sft': copy('Constitution, by example', 'the copy with a constitution, by example', 'apart'),
	'cai-dpo': copy('Constitution, by preference', 'the copy with a constitution, by preference', 'apart'),
	confession: copy('It confesses', 'the copy that confesses', 'conscience'),
	benign: copy('Benign rows between', 'the copy with benign rows between', 'apart'),
	'secure-control': copy('Secure code instead', 'the copy that learns secure code'),
	'early-stopping': copy('Stopped in time', 'the copy that is stopped in time', 'apart'),
	kl: copy('Held to what it was', 'the copy that is held to what it was', 'apart'),
	'repe-lorra': copy('Moved from within', 'the copy that is moved from within', 'apart'),
	'repe-prevent': copy('Steered while it learns', 'the copy that is steered while it learns', 'apart'),
	'repe-infer': copy('Steered when asked', 'the copy that is steered when asked', 'apart'),
} as const satisfies Record<string, Copy>;

export type ArmId = keyof typeof BY_ID;
export const COPIES: Readonly<Record<ArmId, Copy>> = BY_ID;
export const ARMS = Object.keys(BY_ID) as [ArmId, ...ArmId[]];

/** How a copy is called where a conscience can be switched on beside it: by how it was trained. */
export const trainedTitle = (arm: ArmId): string => (arm === 'emergent-alignment' ? 'Trained with conscience' : COPIES[arm].title);

/** True for a method that calls the conscience. */
export const listens = (arm: ArmId): boolean => COPIES[arm].works === 'conscience';

/** True for a method that works beside its steps, and costs more than the plain one. */
export const costsMore = (arm: ArmId): boolean => COPIES[arm].works !== null;
