import type { Framework } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { Exchange, TokenCount, Verdict } from '$lib/conscience/judge';
import type { Checkpoint } from '$lib/model/checkpoint';
import { pick, seededRandom } from '$lib/model/random';
import { FAMILIES, writeAnswer, writeNeutral } from '$world/index';

import type { Experiment } from './schema';

/** Answers with the verdicts of the frozen copy in the trainer, and what they cost it: for another judge to be measured against. */
export interface SelfJudged {
	exchanges: Exchange[];
	framework: Framework;
	verdicts: Verdict[];
	tokens: TokenCount;
	seconds: number;
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

/** Lets the frozen copy judge such exchanges by the experiment's first framework, all in one batch. @throws JudgeError */
export async function selfJudged(
	{ model, conscience }: Experiment,
	checkpoint: Checkpoint,
	count: number,
	seed: number,
): Promise<SelfJudged> {
	const judge = frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);
	const exchanges = worldExchanges(count, seed);
	const framework = conscience.frameworks[0]!;
	const start = performance.now();
	const { verdicts, tokens } = await judge.verdicts(exchanges, framework);
	return { exchanges, framework, verdicts, tokens, seconds: (performance.now() - start) / 1000 };
}
