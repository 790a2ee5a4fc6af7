import type { EvaluationPlan } from '$lib/evaluation/evaluate';
import { QUESTION_SETS } from '$lib/evaluation/questions';
import { seededRandom } from '$lib/model/random';
import { codePrompts } from '$world/index';

import { DEFAULT_FRAMEWORKS, type Experiment } from './schema';

/** What every score is measured by: editing the conscience must not change its own score. */
export const RULER = DEFAULT_FRAMEWORKS[0]!;

/** True when the policy is evaluated once `step` steps are done: before a run that misaligns it, at step 0, at every n-th of both, and at the end. */
export function isEvaluationDue({ model, optimizer, evaluation }: Experiment, step: number): boolean {
	if (step === 0 || step === -model.misalignSteps || step === optimizer.steps) return true;
	return evaluation.every > 0 && step % evaluation.every === 0;
}

/** What the policy is asked at `step`. Answers are drawn with the same seeds every time, so that an answer changes only when the policy does. */
export function evaluationPlan({ evaluation, seed }: Experiment, step: number, final: boolean): EvaluationPlan {
	const requests = final ? evaluation.codePrompts : evaluation.codePromptsWhileTraining;
	return {
		step,
		questions: QUESTION_SETS[evaluation.questions](),
		samples: final ? evaluation.samples : evaluation.samplesWhileTraining,
		codeRequests: codePrompts(requests, seededRandom(seed, 'code prompts')),
		framework: RULER,
		seed,
	};
}

/** Answers that the evaluations after `step` will sample, with the one at `step` itself where it is still to be done. */
export function answersLeft(experiment: Experiment, step: number, isEvaluated: boolean): number {
	const { optimizer, evaluation } = experiment;
	const questions = QUESTION_SETS[evaluation.questions]().length;
	let answers = 0;
	for (let at = isEvaluated ? step + 1 : step; at <= optimizer.steps; at++) {
		if (!isEvaluationDue(experiment, at)) continue;
		answers +=
			at === optimizer.steps
				? questions * evaluation.samples + evaluation.codePrompts
				: questions * evaluation.samplesWhileTraining + evaluation.codePromptsWhileTraining;
	}
	return answers;
}
