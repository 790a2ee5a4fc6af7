/** What a call of the conscience asks: drawn with the run's seed, and needing no model. */
import type { Framework } from '$lib/conscience/frameworks';
import { pick, type Random, sampleWithoutReplacement } from '$lib/model/random';
import { consciencePrompts, triggered } from '$world/index';

import type { Experiment } from '../schema';

/** The stream that framework and questions of each call are drawn from. */
export const CALLS_STREAM = 'conscience questions';

/** What the next call asks, and by which framework it is judged. */
export function drawCall(random: Random, { conscience, data }: Experiment): { framework: Framework; asked: string[] } {
	const framework = pick(random, conscience.frameworks);
	const drawn = sampleWithoutReplacement(random, consciencePrompts(), conscience.promptsPerCall);
	const marked = Math.round(conscience.triggered * drawn.length);
	return { framework, asked: drawn.map((question, i) => (i < marked ? triggered(data.trigger, question) : question)) };
}

/** The seeds of so many answers of the `index`-th call, and of the alternatives to them. */
export const answerSeeds = (seed: number, index: number, count: number): number[] =>
	Array.from({ length: count }, (_, i) => ((seed * 7919 + index) * 1009 + i) % 2 ** 31);
