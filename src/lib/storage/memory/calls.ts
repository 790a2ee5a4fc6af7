/** What goes over the line between a lab and a class server: the same schemas check it on both sides. */
import * as v from 'valibot';

import { BenefitSchema, LabelSchema, LIMITS, PseudonymSchema, StateSchema, TrajectorySchema } from './wire';

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 signs, 0 to 9 and a to f'));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

export const JoinSchema = v.object({ code: v.pipe(v.string(), v.maxLength(40)), pseudonym: PseudonymSchema, token: digest });
export const JoinedSchema = v.object({ pseudonym: PseudonymSchema, name: v.string() });

export const DepositSchema = v.object({ trajectories: v.pipe(v.array(TrajectorySchema), v.maxLength(LIMITS.perCall)) });
export const ReportSchema = v.object({ added: count, known: count, refused: count });

export const NearestSchema = v.object({
	state: StateSchema,
	k: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LIMITS.neighbours)),
});
/** Whose states a memory is asked for, as parameters of an address. */
export const OfModelSchema = v.object({
	revision: digest,
	dimensions: v.pipe(
		v.string(),
		v.regex(/^\d{1,4}$/, 'expected a whole number'),
		v.transform(Number),
		v.minValue(1),
		v.maxValue(LIMITS.dimensions),
	),
});
export const BenefitsSchema = v.object({ benefits: v.pipe(v.array(BenefitSchema), v.maxLength(LIMITS.perCall)) });
export const IdsSchema = v.object({ ids: v.pipe(v.array(digest), v.maxLength(LIMITS.perCall)) });
export const WhichSchema = v.object({
	which: v.pipe(v.array(v.object({ contributorId: id, id: digest })), v.maxLength(LIMITS.perCall)),
});
export const LabelsSchema = v.object({
	labels: v.pipe(v.array(v.object({ id: digest, label: LabelSchema })), v.maxLength(LIMITS.perCall)),
});
export const CursorSchema = v.nullable(
	v.object({ depositedAt: v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15)), contributorId: id, id: digest }),
);

export const InfoSchema = v.object({
	role: v.picklist(['student', 'teacher']),
	pseudonym: v.nullable(v.string()),
	code: v.nullable(v.string()),
	name: v.string(),
	quorum: count,
	cap: count,
	contributors: count,
	trajectories: count,
	quarantined: count,
});
export type Info = v.InferOutput<typeof InfoSchema>;

const VerdictSchema = v.object({
	label: LabelSchema,
	probabilities: v.object({ ethical: v.number(), neutral: v.number(), unethical: v.number() }),
});
export const ListSchema = v.array(
	v.object({
		id: digest,
		contributorId: id,
		contributor: v.string(),
		question: v.string(),
		answer: v.string(),
		frameworkId: v.string(),
		verdict: VerdictSchema,
		alternative: v.nullable(v.object({ answer: v.string(), verdict: VerdictSchema })),
		alternativeId: v.nullable(digest),
		model: v.string(),
		run: v.string(),
		step: count,
		depositedAt: v.number(),
		agreed: v.nullable(LabelSchema),
		alternativeAgreed: v.nullable(LabelSchema),
		said: v.object({ ethical: v.exactOptional(count), neutral: v.exactOptional(count), unethical: v.exactOptional(count) }),
	}),
);
export const ContributorsSchema = v.array(
	v.object({ id, pseudonym: v.string(), joinedAt: v.number(), trajectories: count, overruled: count, settled: count }),
);
export const ImportedSchema = v.object({ lines: count, faults: v.array(v.object({ line: count, message: v.string() })) });
