import type { ArmId } from '$lib/experiment/schema';

import { ARM_LOOKS } from '../arms';
import type { Look } from '../chart';

type Drawn = Omit<Look, 'name'>;

/** Lines that are told apart without colour, too: no two share dash and point and colour. The colours are the page's own, safe for colour-blind readers in both themes. */
const COLOURS = ['var(--conscience)', 'var(--plain)', 'var(--ethical)', 'var(--unethical)', 'var(--incoherent)', 'var(--ink)'];
const STROKES = [
	{ dash: 'none', point: 'circle' },
	{ dash: '7 4', point: 'square' },
	{ dash: '2 3', point: 'circle' },
	{ dash: '11 3 2 3', point: 'square' },
] as const;
/** The first two are the copies' own, so that a twin run looks here as it does in the lab. */
const LOOKS = Array.from({ length: 12 }, (_, i): Drawn => ({ colour: COLOURS[i % 6]!, ...STROKES[(i + Math.floor(i / 6)) % 4]! }));

/** As many runs as can be told apart on one chart. */
export const MOST = LOOKS.length;

export const letterOf = (index: number): string => String.fromCharCode(65 + index);

/** A look for each run: the first of each arm keeps its own, the others take what is left, in order. */
export function looksOf(arms: readonly ArmId[]): Drawn[] {
	const own = arms.map((arm, i) => (arms.indexOf(arm) === i ? ARM_LOOKS[arm] : null));
	const free = LOOKS.filter((look) => !own.some((taken) => taken?.colour === look.colour && taken.dash === look.dash));
	return own.map((look): Drawn => {
		const { colour, dash, point } = look ?? free.shift() ?? LOOKS[0]!;
		return { colour, dash, point };
	});
}
