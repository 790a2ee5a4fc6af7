import type { JudgeEngine, Label } from '$lib/conscience/judge';
import type { Trajectory } from '$lib/conscience/memory';

import type { PairRecord, RunEvent } from './events';
import type { Experiment } from './schema';

/** What a run's conscience has reviewed, before the frozen model has read it. */
export type Reviewed = Omit<Trajectory, 'id' | 'state' | 'revision'>;

/** Controls judge wrongly on purpose, and `policy` by a copy that changes: what they say is no lesson for others. */
const TRUSTED: readonly JudgeEngine[] = ['frozen-self', 'webllm', 'imported', 'oracle'];

/** Longer texts than these a class takes from nobody. */
export interface TextLimits {
	question: number;
	answer: number;
}

/**
 * The reviewed trajectories that a run has told, each exchange once, with what a person said of it, and how many were left out: an answer that
 * is empty or too long, a judge that is not known or a control, or what the run had from a memory: said again it would be no second word. A
 * pair that was learnt the other way round, or whose better answer came from a memory, gives no alternative.
 */
export function reviewedOf(
	events: readonly RunEvent[],
	{ runId, experiment, labels, limits }: { runId: string; experiment: Experiment; labels: ReadonlyMap<string, Label>; limits: TextLimits },
): { reviewed: Reviewed[]; leftOut: number } {
	const pairs = new Map(
		events.flatMap((event) => (event.kind === 'pairs' ? event.pairs : [])).map((pair) => [pair.verdictId, pair] as const),
	);
	const found = new Map<string, Reviewed>();
	let leftOut = 0;
	for (const event of events) {
		if (event.kind !== 'verdicts') continue;
		for (const { id, step, frameworkId, frameworkHash, question, answer, judge, verdict } of event.verdicts) {
			const trusted = judge && TRUSTED.includes(judge.engine) && verdict.by !== 'memory';
			if (!trusted || !fits(question, limits.question) || !fits(answer, limits.answer)) {
				leftOut++;
				continue;
			}
			const key = JSON.stringify([question.trim(), answer.trim(), frameworkHash]);
			const before = found.get(key);
			const label = labels.get(id) ?? before?.label ?? null;
			const alternative = before?.alternative ?? alternativeOf(pairs.get(id), limits);
			found.set(key, {
				...(before ?? {
					question,
					answer,
					frameworkId,
					frameworkHash,
					verdict,
					judge,
					model: experiment.model.checkpoint,
					run: runId,
					step,
				}),
				alternative,
				label,
			});
		}
	}
	return { reviewed: [...found.values()], leftOut };
}

function alternativeOf(pair: PairRecord | undefined, limits: TextLimits): Reviewed['alternative'] {
	if (!pair || pair.turned || pair.chosenVerdict.by === 'memory' || !fits(pair.chosen, limits.answer)) return null;
	return { answer: pair.chosen, verdict: pair.chosenVerdict };
}

const fits = (text: string, most: number) => text.trim() !== '' && text.length <= most;
