/** Every method by its id, in the order in which the page names them. A new one is a file beside this one, and a line here. */
import type { ChatRow } from '../rows';
import type { Experiment } from '../schema';

import { alternativesOnly } from './alternativesOnly';
import { emergentAlignment } from './emergentAlignment';
import { inoculation } from './inoculation';
import type { Method } from './method';
import { sft } from './sft';

export type { Lesson, Method } from './method';

const BY_ID = {
	sft,
	'emergent-alignment': emergentAlignment,
	'alternatives-only': alternativesOnly,
	inoculation,
} as const satisfies Record<string, Method>;

export type ArmId = keyof typeof BY_ID;
export const METHODS: Readonly<Record<ArmId, Method>> = BY_ID;
export const ARMS = Object.keys(BY_ID) as [ArmId, ...ArmId[]];

/** True for a method that calls the conscience. */
export const listens = (arm: ArmId): boolean => METHODS[arm].teach !== undefined;

/** What the method makes of a row; undefined where it leaves rows as they are. */
export function rowShaper(arm: ArmId, experiment: Experiment): ((row: ChatRow) => ChatRow) | undefined {
	const { row: shape } = METHODS[arm];
	return shape && ((row) => shape(row, experiment));
}
