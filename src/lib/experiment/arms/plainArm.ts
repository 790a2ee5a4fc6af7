import type { Arm } from './arm';

/** A method without a conscience: nothing is added to a step. */
export const plainArm: Arm = {
	// eslint-disable-next-line require-yield -- nothing happens before a step, so there is nothing to tell
	async *prepare() {
		return { pairs: [], answers: [] };
	},
	learned() {},
	nextCall: () => null,
	adjust() {},
	state: () => null,
};
