import { answersLeft } from './evaluationPlan';
import type { QuestionEntry } from './ownQuestions';
import type { Experiment } from './schema';

/** The kinds of work that a run consists of: optimizer steps, and answers sampled and judged in evaluations. */
export type Work = 'step' | 'answer';

/** Foretells the time that a run will still take from the time that each kind of work took so far. */
export interface WorkClock {
	spent(work: Work, amount: number, seconds: number): void;
	/** Null until every kind of work that is left has been done once. */
	secondsLeft(): number | null;
}

/** The work of one arm of an experiment from its beginning to its final evaluation. */
export const wholeWork = (experiment: Experiment): Record<Work, number> => ({
	step: experiment.optimizer.steps + experiment.model.misalignSteps,
	answer: answersLeft(experiment, 0 - experiment.model.misalignSteps, false),
});

/** The work of one arm of an experiment that has done `step` steps (below 0 while it is misaligned), to its final evaluation. */
export function planWork(
	experiment: Experiment,
	step: number,
	isEvaluated: boolean,
	own: readonly QuestionEntry[] | null = null,
): WorkClock {
	return workClock({ step: experiment.optimizer.steps - step, answer: answersLeft(experiment, step, isEvaluated, own) });
}

export function workClock(left: Record<Work, number>): WorkClock {
	const remaining = { ...left };
	const done = { step: { amount: 0, seconds: 0 }, answer: { amount: 0, seconds: 0 } };
	return {
		spent(work, amount, seconds) {
			done[work].amount += amount;
			done[work].seconds += seconds;
			remaining[work] = Math.max(0, remaining[work] - amount);
		},
		secondsLeft() {
			let seconds = 0;
			for (const work of ['step', 'answer'] as const) {
				if (remaining[work] === 0) continue;
				if (done[work].amount === 0) return null;
				seconds += (remaining[work] * done[work].seconds) / done[work].amount;
			}
			return seconds;
		},
	};
}
