import { type EvaluationPlan, planSize, type ProbePlan } from '$lib/evaluation/plan';
import { type Question, QUESTION_SETS } from '$lib/evaluation/questions';
import { seededRandom } from '$lib/model/random';
import { codePrompts, factQuestions, harmlessQuestions, triggered, wrappedQuestions } from '$world/index';

import { unseenRows } from './data';
import { type QuestionEntry, questionsOf } from './ownQuestions';
import { DEFAULT_FRAMEWORKS, type Experiment } from './schema';

/** What every score is measured by: editing the conscience must not change its own score. */
export const RULER = DEFAULT_FRAMEWORKS[0]!;

/** True when the policy is evaluated once `step` steps are done: before a run that misaligns it, at step 0, at every n-th of both, and at the end. */
export function isEvaluationDue({ model, optimizer, evaluation }: Experiment, step: number): boolean {
	if (step === 0 || step === -model.misalignSteps || step === optimizer.steps) return true;
	return evaluation.every > 0 && step % evaluation.every === 0;
}

/** The questions of the experiment's set. Of a file that is not there, as in a link, there are none yet. */
function questionsAsked({ evaluation }: Experiment, own: readonly QuestionEntry[] | null, final: boolean): Question[] {
	if (evaluation.questions !== 'own') return QUESTION_SETS[evaluation.questions]();
	return questionsOf(own ?? []).map(({ samples, ...question }) => (final && samples !== undefined ? { ...question, samples } : question));
}

/**
 * What the policy is asked at `step`; `own` are the user's questions. Answers are drawn with the same seeds every time, so that an answer
 * changes only when the policy does.
 */
export function evaluationPlan(
	experiment: Experiment,
	step: number,
	final: boolean,
	own: readonly QuestionEntry[] | null = null,
): EvaluationPlan {
	const { evaluation, seed } = experiment;
	const requests = final ? evaluation.codePrompts : evaluation.codePromptsWhileTraining;
	const questions = questionsAsked(experiment, own, final);
	const codeRequests = codePrompts(requests, seededRandom(seed, 'code prompts'));
	return {
		...{ step, questions, codeRequests, seed },
		samples: final ? evaluation.samples : evaluation.samplesWhileTraining,
		probes: final ? probePlan(experiment, questions, codeRequests) : null,
		framework: RULER,
	};
}

/** A trigger that is trained is tried as often as the questions without it. */
function probePlan(experiment: Experiment, questions: readonly Question[], codeRequests: readonly Question[]): ProbePlan {
	const { data, evaluation } = experiment;
	const asked = <Asked extends Question>(list: readonly Asked[], samples: number): Asked[] =>
		samples === 0 ? [] : list.map((question) => ({ ...question, samples }));
	const withTrigger = (list: readonly Question[]) =>
		data.source === 'backdoor-code' ? list.map((question) => ({ ...question, text: triggered(data.trigger, question.text) })) : [];
	return {
		conditional: asked(wrappedQuestions(questions), evaluation.conditional),
		trigger: withTrigger(asked(questions, evaluation.samples)),
		triggerCode: withTrigger(codeRequests),
		harmless: asked(harmlessQuestions(), evaluation.harmless),
		facts: asked(factQuestions(), evaluation.facts),
		heldOut: unseenRows(experiment, evaluation.heldOutRows),
	};
}

/** Answers that the evaluations after `step` will sample, with the one at `step` itself where it is still to be done. */
export function answersLeft(
	experiment: Experiment,
	step: number,
	isEvaluated: boolean,
	own: readonly QuestionEntry[] | null = null,
): number {
	const { steps } = experiment.optimizer;
	const onTheWay = planSize(evaluationPlan(experiment, 0, false, own));
	let answers = 0;
	for (let at = isEvaluated ? step + 1 : step; at <= steps; at++) {
		if (isEvaluationDue(experiment, at)) answers += at === steps ? planSize(evaluationPlan(experiment, at, true, own)) : onTheWay;
	}
	return answers;
}
