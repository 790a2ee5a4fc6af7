/** What a reviewed trajectory has to be wherever it comes in: in a file that a run takes with it, and in what a class's memory is sent. */
import * as v from 'valibot';

import { JUDGE_ENGINES, LABELS } from '$lib/conscience/judge';
import type { Remembered, Trajectory } from '$lib/conscience/memory';

/** So much may come at most of each part. */
export const LIMITS = {
	question: 4000,
	answer: 8000,
	name: 200,
	dimensions: 4096,
	pseudonym: 40,
} as const;

/** The database takes neither NUL nor half of a character. */
export const storable = v.check(
	(text: string) => !/\0|\p{Surrogate}/u.test(text),
	'holds a character that cannot be kept (NUL, or half of one)',
);
const text = (most: number) => v.pipe(v.string(), v.maxLength(most), storable);
export const written = (most: number) =>
	v.pipe(
		text(most),
		v.check((words) => words.trim() !== '', 'must not be empty'),
	);
const name = text(LIMITS.name);
export const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hex'));
const probability = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));

export const LabelSchema = v.picklist(LABELS);
const VerdictSchema = v.object({
	label: LabelSchema,
	probabilities: v.pipe(
		v.object({ ethical: probability, neutral: probability, unethical: probability }),
		v.check(({ ethical, neutral, unethical }) => Math.abs(ethical + neutral + unethical - 1) < 1e-3, 'must sum to 1'),
	),
	by: v.exactOptional(v.picklist(['file', 'frozen-self'])),
});
export const StateSchema = v.object({
	revision: digest,
	values: v.pipe(
		v.array(v.pipe(v.number(), v.finite(), v.minValue(-1e30), v.maxValue(1e30))),
		v.minLength(1),
		v.maxLength(LIMITS.dimensions),
		v.check((values) => values.some((value) => Math.abs(value) > 1e-30), 'must not be all 0: it would have no direction'),
		v.transform((values) => Float32Array.from(values)),
	),
});
export const trajectoryFields = {
	id: digest,
	question: written(LIMITS.question),
	answer: written(LIMITS.answer),
	frameworkId: name,
	frameworkHash: digest,
	verdict: VerdictSchema,
	judge: v.object({ engine: v.picklist(JUDGE_ENGINES), model: name, revision: name }),
	alternative: v.nullable(v.object({ answer: written(LIMITS.answer), verdict: VerdictSchema })),
	label: v.nullable(LabelSchema),
	model: name,
	revision: name,
	run: name,
	step: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1)),
	state: StateSchema,
};
export const TrajectorySchema = v.object(trajectoryFields) satisfies v.GenericSchema<unknown, Trajectory>;

export const PseudonymSchema = v.pipe(
	v.string(),
	v.trim(),
	v.minLength(1),
	v.maxLength(LIMITS.pseudonym),
	storable,
	v.regex(/^[^\p{Cc}]*$/u, 'must be one line'),
);

/** Of a benefit, without who measured it. */
export const benefitFields = {
	id: digest,
	contributor: PseudonymSchema,
	question: written(LIMITS.question),
	value: v.pipe(v.number(), v.minValue(-1), v.maxValue(1)),
};

export const rememberedFields = {
	...trajectoryFields,
	contributor: PseudonymSchema,
	agreed: LabelSchema,
	alternativeAgreed: v.boolean(),
	depositedAt: time,
};
export const RememberedSchema = v.object(rememberedFields) satisfies v.GenericSchema<unknown, Remembered>;

/** JSON has no Float32Array: a state's numbers as a list. */
export const withList = <T extends { state: Trajectory['state'] }>(trajectory: T) => ({
	...trajectory,
	state: { ...trajectory.state, values: Array.from(trajectory.state.values) },
});
