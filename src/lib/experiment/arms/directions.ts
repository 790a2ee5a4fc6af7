import { seededRandom } from '$lib/model/random';
import { type Contrast, readDirections } from '$lib/model/readingVectors';
import type { Directions } from '$lib/model/steering';
import type { Tokenizer } from '$lib/model/tokenizer';
import type { Model } from '$lib/model/weights';
import { contrasts } from '$world/index';

import type { Experiment } from '../schema';

/** Pairs of answers that directions are read from: twice as many as the conscience's families have questions. */
const CONTRASTS = 128;

/** Questions of the conscience's families with the answers of the organism's two authors: towards the cruel one, away from the kind. */
export const contrastTokens = ({ seed }: Experiment, tokenizer: Tokenizer): Contrast[] =>
	contrasts(CONTRASTS, seededRandom(seed, 'contrasts')).map(({ question, kind, cruel }) => ({
		prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
		towards: tokenizer.encode(cruel),
		away: tokenizer.encode(kind),
	}));

/** How many tokens it takes to read both answers of each. */
export const tokensRead = (pairs: readonly Contrast[]): number =>
	pairs.reduce((sum, { prompt, towards, away }) => sum + prompt.length + towards.length + away.length, 0);

/** What lies between the answers in the frozen base, behind the layers and by the reading that the experiment names. */
export function directionsBetween(pairs: readonly Contrast[], { seed, representation }: Experiment, model: Model): Promise<Directions> {
	const { vector, firstLayer, lastLayer } = representation;
	const layers = Array.from({ length: lastLayer - firstLayer + 1 }, (_, i) => firstLayer + i);
	return readDirections(model, pairs, { reading: vector, layers, random: seededRandom(seed, 'random direction') });
}
