import type { Framework } from '$lib/conscience/frameworks';
import type { Exchange, JudgeIdentity, TokenCount, Verdict } from '$lib/conscience/judge';
import type { Checkpoint } from '$lib/model/checkpoint';

import { baseJudge } from './baseJudge';
import type { Experiment } from './schema';
import { worldExchanges, type WorldSample } from './worldExchanges';

/** Answers with the verdicts of the frozen copy in the trainer, and what they cost it: for another judge to be measured against. */
export interface SelfJudged {
	exchanges: Exchange[];
	judge: JudgeIdentity;
	framework: Framework;
	verdicts: Verdict[];
	tokens: TokenCount;
	seconds: number;
}

/** Lets the frozen copy judge these answers, or answers of the world, by the experiment's first framework, all in one batch. @throws JudgeError */
export async function selfJudged(
	experiment: Experiment,
	checkpoint: Checkpoint,
	answers: WorldSample | readonly Exchange[],
): Promise<SelfJudged> {
	const judge = baseJudge(experiment, checkpoint);
	const exchanges = 'seed' in answers ? worldExchanges(answers.count, answers.seed) : [...answers];
	const framework = experiment.conscience.frameworks[0]!;
	const start = performance.now();
	const { verdicts, tokens } = await judge.verdicts(exchanges, framework);
	return { exchanges, judge: judge.identity, framework, verdicts, tokens, seconds: (performance.now() - start) / 1000 };
}
