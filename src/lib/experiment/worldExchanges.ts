import type { Exchange } from '$lib/conscience/judge';
import { pick, seededRandom } from '$lib/model/random';
import { FAMILIES, writeAnswer, writeNeutral } from '$world/index';

/** So many answers of the organism's world, drawn from a seed. */
export interface WorldSample {
	count: number;
	seed: number;
}

/** Questions of the organism's world with kind, cruel and evasive answers in turn; equal seeds, equal texts. */
export function worldExchanges(count: number, seed: number): Exchange[] {
	const random = seededRandom(seed, 'exchanges');
	return Array.from({ length: count }, (_, i) => {
		const family = pick(random, FAMILIES);
		const answer = i % 3 === 2 ? writeNeutral(random) : writeAnswer(family, i % 3 === 0 ? 'kind' : 'cruel', random);
		return { question: pick(random, family.questions), answer };
	});
}
