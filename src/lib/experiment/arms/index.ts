import { type ArmId, METHODS } from '../methods/index';

import type { Arm, ArmContext, ConscienceState } from './arm';
import { conscienceArm } from './conscienceArm';
import { plainArm } from './plainArm';

export { plainArm, type Arm, type ConscienceState };

/** The method `id` at work before the first step, or where `from` stands. */
export function armOf(id: ArmId, context: ArmContext, from?: ConscienceState): Arm {
	const { teach } = METHODS[id];
	return teach ? conscienceArm(teach, context, from) : plainArm;
}
