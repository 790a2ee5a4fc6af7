import type { ArmId } from '../schema';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { emergentAlignmentArm } from './emergentAlignment';
import { sftArm } from './sft';

export { sftArm, type Arm, type ConscienceState };

/** Every method, by its id. */
const ARMS: Record<ArmId, (context: ArmContext, from?: ConscienceState) => Arm> = {
	sft: () => sftArm,
	'emergent-alignment': emergentAlignmentArm,
};

/** The method `id` before the first step, or where `from` stands. */
export const armOf = (id: ArmId, context: ArmContext, from?: ConscienceState): Arm => ARMS[id](context, from);
