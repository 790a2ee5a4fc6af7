import { isFlagged, type Line } from '$lib/conscience/flag';
import type { Framework } from '$lib/conscience/frameworks';
import type { Verdict } from '$lib/conscience/judge';
import type { Drafts } from '$lib/conscience/step';
import { pick, seededRandom } from '$lib/model/random';

import { baseJudge } from '../baseJudge';
import type { RunEvent } from '../events';
import type { Review } from '../methods/index';
import type { ArmContext } from './arm';
import { recordsOf } from './call';

/** A draft of the policy, and what the frozen base answers to its question. */
export interface Revision {
	question: string;
	answer: string;
	/** The policy ended the answer itself. */
	ended: boolean;
	framework: Framework;
	/** The base's answer. */
	revised: string;
	/** It came to its end and is another than the policy's, neither of them empty: it is preferred, whatever a judge would say. */
	passed: boolean;
}

/**
 * The revisions of Constitutional AI (arXiv 2212.08073) in the lab's terms: the frozen base answers the question of each draft anew, by a
 * framework drawn at random. It writes from the question, as the conscience does, and reads no draft: the organism was never taught to edit a
 * text, so that there is no critique either. In the order of the drafts, with the tokens that it took.
 */
export async function reviseAll(
	{ checkpoint, experiment, signal }: ArmContext,
	{ questions, answers, ended, seeds }: Drafts,
): Promise<{ revisions: Revision[]; tokens: number }> {
	const current = experiment();
	const { seed, conscience } = current;
	const base = baseJudge(current, checkpoint);
	const draw = seededRandom(seed, 'framework of each revision');
	const frameworks = questions.map(() => pick(draw, conscience.frameworks));
	const revisions: Revision[] = [];
	let tokens = 0;
	for (const framework of new Set(frameworks)) {
		const places = [...frameworks.keys()].filter((i) => frameworks[i] === framework);
		const written = await base.alternatives(places.map((i) => questions[i]!), framework, places.map((i) => seeds[i]!), signal); // prettier-ignore
		tokens += written.tokens.read + written.tokens.written;
		places.forEach((i, k) => {
			const [question, answer, revised] = [questions[i]!, answers[i]!, written.answers[k]!];
			const passed = written.ended[k]! && answer !== '' && revised !== '' && revised !== answer;
			revisions[i] = { question, answer, ended: ended[i]!, framework, revised, passed };
		});
	}
	return { revisions, tokens };
}

/** Tells of revisions as of a call of the conscience; what the base says of both answers is for the record alone, and no part of the method's cost. */
export async function* tellRevisions(
	{ checkpoint, experiment, signal }: ArmContext,
	revisions: readonly Revision[],
	step: number,
): AsyncGenerator<RunEvent, void> {
	const current = experiment();
	const base = baseJudge(current, checkpoint);
	const told: Review[] = [];
	for (const framework of new Set(revisions.map((revision) => revision.framework))) {
		const places = [...revisions.keys()].filter((i) => revisions[i]!.framework === framework);
		const read = async (textOf: (revision: Revision) => string) => {
			const exchanges = places.map((i) => ({ question: revisions[i]!.question, answer: textOf(revisions[i]!) }));
			return (await base.verdicts(exchanges, framework, signal)).verdicts;
		};
		const ofAnswers = await read(({ answer }) => answer);
		const ofRevised = await read(({ revised }) => revised);
		places.forEach((i, k) => (told[i] = reviewOf(revisions[i]!, ofAnswers[k]!, ofRevised[k]!, current.conscience)));
	}
	const { verdicts, refused, pairs } = await recordsOf(told, base.identity, step, () => false);
	yield { kind: 'verdicts', step, verdicts, refused };
	if (pairs.length > 0) yield { kind: 'pairs', step, pairs };
}

const reviewOf = ({ revised, passed, ...draft }: Revision, verdict: Verdict, ofRevised: Verdict, line: Line): Review => ({
	...draft,
	verdict,
	flagged: isFlagged(verdict, line),
	alternative: { answer: revised, verdict: ofRevised, passed },
});
