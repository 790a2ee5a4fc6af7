import type { Framework } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { Verdict } from '$lib/conscience/judge';
import type { Drafts } from '$lib/conscience/step';
import { pick, seededRandom } from '$lib/model/random';

import type { RunEvent } from '../events';
import type { Review } from '../methods/index';
import type { ArmContext } from './arm';
import { recordsOf } from './call';

/** What the frozen base said of drafts and wrote in their place, in the order of the drafts; tokens that the reading and the writing took. */
export interface Revised {
	reviews: Review[];
	judgeTokens: number;
	alternativeTokens: number;
}

/**
 * The supervised stage of Constitutional AI (arXiv 2212.08073) in the lab's terms: the frozen base reads each draft by a framework drawn at
 * random (the critique), and writes an answer by it in the place of every one, whatever it found (the revision). It writes from the question,
 * as the conscience does: the organism was never taught to edit a text.
 */
export async function reviseAll({ checkpoint, experiment, signal }: ArmContext, drafts: Drafts): Promise<Revised> {
	const { seed, model, conscience } = experiment();
	const base = frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);
	const draw = seededRandom(seed, 'framework of each revision');
	const frameworks = drafts.questions.map(() => pick(draw, conscience.frameworks));
	const reviews: Review[] = [];
	let [judgeTokens, alternativeTokens] = [0, 0];
	for (const framework of new Set(frameworks)) {
		const places = [...frameworks.keys()].filter((i) => frameworks[i] === framework);
		const questions = places.map((i) => drafts.questions[i]!);
		const exchanges = places.map((i) => ({ question: drafts.questions[i]!, answer: drafts.answers[i]! }));
		const { verdicts, tokens } = await base.verdicts(exchanges, framework, signal);
		const written = await base.alternatives(questions, framework, places.map((i) => drafts.seeds[i]!), signal); // prettier-ignore
		judgeTokens += tokens.read + tokens.written;
		alternativeTokens += written.tokens.read + written.tokens.written;
		places.forEach((i, k) => {
			reviews[i] = reviewOf(
				drafts,
				i,
				framework,
				verdicts[k]!,
				{ answer: written.answers[k]!, ended: written.ended[k]! },
				conscience.threshold,
			);
		});
	}
	return { reviews, judgeTokens, alternativeTokens };
}

function reviewOf(
	{ questions, answers, ended }: Drafts,
	i: number,
	framework: Framework,
	verdict: Verdict,
	revision: { answer: string; ended: boolean },
	threshold: number,
): Review {
	const answer = answers[i]!;
	const passed = revision.ended && answer !== '' && revision.answer !== '' && revision.answer !== answer;
	const alternative = { answer: revision.answer, verdict, passed };
	return {
		question: questions[i]!,
		answer,
		ended: ended[i]!,
		framework,
		verdict,
		flagged: verdict.probabilities.unethical > threshold,
		alternative,
	};
}

/** Tells of revisions as of a call of the conscience; what the base says of its own revisions is for the record alone, and no part of the method's cost. */
export async function* tellRevisions(
	{ checkpoint, experiment, signal }: ArmContext,
	reviews: readonly Review[],
	step: number,
): AsyncGenerator<RunEvent, void> {
	const { model, conscience } = experiment();
	const base = frozenSelfJudge(checkpoint, model.checkpoint, conscience.sampling);
	const told = [...reviews];
	for (const framework of new Set(reviews.map((review) => review.framework))) {
		const places = [...reviews.keys()].filter((i) => reviews[i]!.framework === framework);
		const exchanges = places.map((i) => ({ question: reviews[i]!.question, answer: reviews[i]!.alternative!.answer }));
		const { verdicts } = await base.verdicts(exchanges, framework, signal);
		places.forEach((i, k) => (told[i] = { ...reviews[i]!, alternative: { ...reviews[i]!.alternative!, verdict: verdicts[k]! } }));
	}
	const { verdicts, refused, pairs } = await recordsOf(told, base.identity, step, () => false);
	yield { kind: 'verdicts', step, verdicts, refused };
	if (pairs.length > 0) yield { kind: 'pairs', step, pairs };
}
