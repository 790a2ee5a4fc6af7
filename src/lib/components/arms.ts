import type { ArmId } from '$lib/experiment/schema';

/** How a copy is called and drawn. Colour is never the only sign: line and point differ too. */
export interface ArmLook {
	name: string;
	/** In the middle of a sentence. */
	inWords: string;
	colour: string;
	dash: string;
	point: 'circle' | 'square';
}

export const ARM_LOOKS: Record<ArmId, ArmLook> = {
	sft: { name: 'Plain fine-tune', inWords: 'the plain copy', colour: 'var(--plain)', dash: '7 4', point: 'square' },
	'emergent-alignment': {
		name: 'With conscience',
		inWords: 'the copy with a conscience',
		colour: 'var(--conscience)',
		dash: 'none',
		point: 'circle',
	},
};
