import { METHODS } from '../methods/all';
import type { ArmId } from '../methods/index';

import type { Arm, ArmContext, ArmState, ConscienceState } from './arm';
import { conscienceArm } from './conscienceArm';
import { gatheringArm } from './gatheringArm';
import { plainArm } from './plainArm';
import { watchedArm } from './watchedArm';

export { plainArm, type Arm, type ArmState, type ConscienceState };

/** The method `id` at work before the first step, or where `from` stands. */
export function armOf(id: ArmId, context: ArmContext, from?: ArmState): Arm {
	const method = METHODS[id];
	if (method.teach) return conscienceArm(method.teach, method.remembers ?? 'pairs', context, from?.conscience ?? undefined);
	if (method.gathering) return gatheringArm(method.gathering, method.asked, context, from?.gathered ?? undefined);
	if (method.watch) return watchedArm(method.watch, context, from?.watched ?? undefined);
	return plainArm(context.checkpoint);
}
