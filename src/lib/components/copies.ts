import type { ArmId } from '$lib/experiment/schema';
import type { Answering } from '$lib/state/asking.svelte';

import { ARM_LOOKS } from './arms';

/** How the model before training is called and drawn beside its copies. */
const BASE_LOOK = { name: 'Before training', inWords: 'the model before training', colour: 'var(--muted)' };

/** How whoever answers is called and drawn: the model before training, or one of its copies. */
export const lookOf = (who: Answering): { name: string; inWords: string; colour: string } =>
	who === 'base' ? BASE_LOOK : ARM_LOOKS[who satisfies ArmId];
