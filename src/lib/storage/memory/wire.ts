/** Reviewed trajectories as they travel and lie in a class's memory, and what they have to be to be let in. */
import * as v from 'valibot';

import type { Benefit, Neighbour } from '$lib/conscience/memory';
import { faultInWords } from '$lib/experiment/folderLines';
import {
	benefitFields,
	digest,
	LabelSchema,
	LIMITS as OF_PARTS,
	PseudonymSchema,
	RememberedSchema,
	StateSchema,
	time,
	trajectoryFields,
	TrajectorySchema,
	withList,
} from '$lib/experiment/trajectorySchema';

export { LabelSchema, PseudonymSchema, StateSchema, TrajectorySchema, withList };

/** So much may come at most, of each part and of one call. */
export const LIMITS = { ...OF_PARTS, perCall: 50, neighbours: 50, deskPage: 25 } as const;

/** What came is not what was expected; the message says where, and what to do. */
export class MemoryInputError extends Error {
	override name = 'MemoryInputError';
}

export const BenefitSchema = v.object(benefitFields);

export const NeighboursSchema = v.array(
	v.object({
		trajectory: RememberedSchema,
		similarity: v.pipe(v.number(), v.finite()),
		benefits: v.array(v.object({ ...benefitFields, measuredBy: PseudonymSchema })),
	}),
) satisfies v.GenericSchema<unknown, Neighbour[]>;

/** A line of an exported memory. Sayings and benefits come behind the trajectories that they are about. */
export const LineSchema = v.variant('kind', [
	v.object({ kind: v.literal('trajectory'), contributor: PseudonymSchema, depositedAt: time, ...trajectoryFields }),
	/** `labeller` is null where it was the teacher. */
	v.object({ kind: v.literal('saying'), id: digest, labeller: v.nullable(PseudonymSchema), label: LabelSchema, byPerson: v.boolean() }),
	v.object({ kind: v.literal('benefit'), measuredBy: PseudonymSchema, ...benefitFields }),
]);
export type MemoryLine = v.InferOutput<typeof LineSchema>;

/** What a line, or the body of a call, has to be. @throws MemoryInputError that says where it is not */
export function parsed<S extends v.GenericSchema>(schema: S, json: unknown): v.InferOutput<S> {
	const result = v.safeParse(schema, json);
	if (result.success) return result.output;
	throw new MemoryInputError(faultInWords(result.issues[0]));
}

export type { Benefit };
