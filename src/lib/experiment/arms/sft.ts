import type { Arm } from './arm';

/** Plain supervised fine-tuning: nothing is added. */
export const sftArm: Arm = {
	// eslint-disable-next-line require-yield -- nothing happens before a step, so there is nothing to tell
	async *prepare() {
		return [];
	},
	learned() {},
	nextCall: () => null,
	adjust() {},
	state: () => null,
};
