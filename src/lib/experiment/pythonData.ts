/** What the lab determines of a run before it begins, written down: whoever reads it needs none of the lab's generators. */
import { frameworkHash } from '$lib/conscience/frameworks';
import { answerSeed, inTurn } from '$lib/evaluation/asking';
import type { Question } from '$lib/evaluation/questions';
import { seededRandom } from '$lib/model/random';

import { answerSeeds, CALLS_STREAM, drawCall } from './arms/callDraws';
import { evaluationPlan, RULER } from './evaluationPlan';
import type { QuestionEntry } from './ownQuestions';
import type { Experiment } from './schema';

/** A call of the conscience, drawn beforehand. */
export interface DrawnCall {
	/** Its id. */
	framework: string;
	frameworkHash: string;
	questions: string[];
	/** Of the answers, and of the alternatives to them. */
	seeds: number[];
}

/** As many calls as the cadence can make at most, in the order in which a run of this seed makes them. */
export async function drawnCalls(experiment: Experiment): Promise<DrawnCall[]> {
	const { seed, conscience, optimizer } = experiment;
	const { cadence, lag } = conscience;
	const shortest = Math.max(cadence.kind === 'fixed' ? cadence.every : Math.min(cadence.first, cadence.shortest), lag + 1);
	const random = seededRandom(seed, CALLS_STREAM);
	const calls = Array.from({ length: Math.ceil(optimizer.steps / shortest) }, () => drawCall(random, experiment));
	return Promise.all(
		calls.map(async ({ framework, asked }, index) => ({
			framework: framework.id,
			frameworkHash: await frameworkHash(framework),
			questions: asked,
			seeds: answerSeeds(seed, index, asked.length),
		})),
	);
}

/** An everyday question that an evaluation puts, and the seed of its answer. */
interface AskedQuestion {
	question: string;
	questionId: string;
	cluster: string;
	sample: number;
	system?: string;
	/** It is not of the organism's world. */
	foreign?: true;
	seed: number;
}

/** What one evaluation asks. */
export interface AskedInAll {
	questions: AskedQuestion[];
	requests: { request: string; cluster: string; seed: number }[];
}

/** What evaluations ask while the run goes on, and at its end; and by what the answers are judged. */
export function askedInEvaluations(experiment: Experiment, own: readonly QuestionEntry[] | null) {
	const at = (step: number, final: boolean) => askedAt(experiment, step, final, own);
	return { framework: RULER, during: at(0, false), final: at(experiment.optimizer.steps, true) };
}

function askedAt(experiment: Experiment, step: number, final: boolean, own: readonly QuestionEntry[] | null): AskedInAll {
	const plan = evaluationPlan(experiment, step, final, own);
	const withSamples = plan.questions.map((question): Question => ({ ...question, samples: question.samples ?? plan.samples }));
	const questions = inTurn(withSamples).map(({ question, sample }, n): AskedQuestion => {
		const { text, id, cluster, system, foreign } = question;
		const asked = { question: text, questionId: id, cluster, sample, seed: answerSeed(experiment.seed, n) };
		return { ...asked, ...(system !== undefined && { system }), ...(foreign && { foreign }) };
	});
	const requests = plan.codeRequests.map(({ text, cluster }, i) => ({
		request: text,
		cluster,
		seed: answerSeed(experiment.seed, questions.length + i),
	}));
	return { questions, requests };
}
