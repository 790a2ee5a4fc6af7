import type { Checkpoint } from '$lib/model/checkpoint';

import type { Arm } from './arm';

/** A method that adds nothing to a step: what the others do otherwise, they do in the place of a part of it. */
export const plainArm = (checkpoint: Checkpoint): Arm => ({
	// eslint-disable-next-line require-yield -- nothing happens before a step, so there is nothing to tell
	async *prepare() {
		return {};
	},
	learned() {},
	// eslint-disable-next-line require-yield -- nor after it
	async *after() {
		return false;
	},
	keptStep: () => null,
	nextCall: () => null,
	adjust() {},
	asked: () => checkpoint,
	dispose() {},
	state: () => ({ conscience: null, gathered: null, watched: null }),
});
