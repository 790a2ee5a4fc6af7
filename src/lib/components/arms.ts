import { type ArmId, COPIES } from '$lib/experiment/methods/index';

/** How a copy is called and drawn. Colour is never the only sign: line and point differ too. */
export interface ArmLook {
	name: string;
	/** In the middle of a sentence. */
	inWords: string;
	colour: string;
	dash: string;
	point: 'circle' | 'square';
}

type Sign = Pick<ArmLook, 'colour' | 'dash' | 'point'>;

/** The two that every story is about have colours of their own; the others share two, and take these strokes in turn. */
const SIGNS: Partial<Record<ArmId, Sign>> = {
	sft: { colour: 'var(--plain)', dash: '7 4', point: 'square' },
	'emergent-alignment': { colour: 'var(--conscience)', dash: 'none', point: 'circle' },
};
const DASHES = ['2 3', '11 3 2 3', 'none', '7 4'];
const OTHERS = Array.from({ length: 4 * DASHES.length }, (_, i): Sign => ({
	colour: i & 4 ? 'var(--rival)' : 'var(--control)',
	dash: DASHES[i % 4]!,
	point: (i & 1) === ((i >> 3) & 1) ? 'circle' : 'square',
}));

export const ARM_LOOKS = Object.fromEntries(
	Object.entries(COPIES).map(([arm, { title, inWords }], i): [string, ArmLook] => [
		arm,
		{ name: title, inWords, ...(SIGNS[arm as ArmId] ?? OTHERS[(i - Object.keys(SIGNS).length) % OTHERS.length]!) },
	]),
) as Record<ArmId, ArmLook>;
