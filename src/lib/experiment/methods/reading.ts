/** What the methods of representation engineering have in common. */
import type { RunEvent } from '../events';
import type { Experiment } from '../schema';

import type { Collection, QuestionCounts, Workshop } from './method';

const READ_BY = { 'mean-difference': 'difference of means', lat: 'first principal component', random: 'random direction, a control' };

/** The end of a card's sentence: where the vector is from. */
export const inFrozenCopy = ({ vector, firstLayer, lastLayer }: Experiment['representation']): string =>
	`the vector (${READ_BY[vector]}) was read in the frozen base behind blocks ${firstLayer} to ${lastLayer}, counted from 0.`;

/** Gathers the directions and nothing else. */
// eslint-disable-next-line require-yield -- they are no news
export async function* onlyDirections({ directions }: Workshop): AsyncGenerator<RunEvent, Collection> {
	return { pairs: [], answers: [], directions: await directions() };
}

/** What it takes to read the directions, as so many answers learnt: of twice as many contrasts as there are questions, both answers, forward only. */
export const sequencesRead = ({ conscience }: QuestionCounts): number => 2 * conscience;
