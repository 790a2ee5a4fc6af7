import { least } from 'd3';

import { PRESETS } from '$lib/experiment/presets';
import type { KeptRun } from '$lib/storage/database';

import { ARM_LOOKS } from '../arms';
import type { Look } from '../chart';

type Drawn = Omit<Look, 'name'>;

/**
 * Colours that say nothing elsewhere on the page: a copy's own would make one copy look like the other, a verdict's a bad run look good.
 * Lines are told apart without colour, too: no two share dash and point and colour.
 */
const COLOURS = ['var(--ink)', 'var(--violet)', 'var(--brown)'];
const STROKES = [
	{ dash: 'none', point: 'circle' },
	{ dash: '7 4', point: 'square' },
	{ dash: '2 3', point: 'circle' },
	{ dash: '11 3 2 3', point: 'square' },
] as const;
/** Three colours and four strokes, in step, meet each other once. */
const LOOKS = Array.from({ length: COLOURS.length * STROKES.length }, (_, i): Drawn => ({ colour: COLOURS[i % 3]!, ...STROKES[i % 4]! }));

/** As many runs as can be told apart on one chart. */
export const MOST = LOOKS.length;

export const letterOf = (index: number): string => String.fromCharCode(65 + index);

/**
 * A look for each run. One of each arm keeps the look that the lab has taught for it: the one whose story the lab tells first, so that a
 * control does not take it from the run that it is a control of. The others take the next that says nothing.
 */
export function looksOf(runs: readonly Pick<KeptRun, 'arm' | 'experiment'>[]): Drawn[] {
	let next = 0;
	return runs.map((run): Drawn => {
		const ofArm = runs.filter(({ arm }) => arm === run.arm);
		const own = run === least(ofArm, placeOf);
		const { colour, dash, point } = own ? ARM_LOOKS[run.arm] : LOOKS[next++ % LOOKS.length]!;
		return { colour, dash, point };
	});
}

/** Of the run's story among those of the lab; a reader's own comes last. */
function placeOf({ experiment }: Pick<KeptRun, 'experiment'>): number {
	const place = PRESETS.findIndex(({ id }) => id === experiment.name);
	return place < 0 ? PRESETS.length : place;
}
