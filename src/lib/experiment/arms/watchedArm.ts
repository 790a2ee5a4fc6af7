import { policyAnswerer } from '$lib/conscience/policy';
import { alignmentOf } from '$lib/evaluation/evaluation';
import { QUESTION_SETS } from '$lib/evaluation/questions';
import { restoreLora, saveLora } from '$lib/model/lora';

import { baseJudge } from '../baseJudge';
import type { RunEvent } from '../events';
import { RULER } from '../evaluationPlan';
import { addTokens } from '../meter';
import type { Watch } from '../methods/index';

import type { Arm, ArmContext, WatchState } from './arm';
import { plainArm } from './plainArm';

/** A method that looks at the copy now and then; when it has turned, the training ends, and the adapter of the last look before that is given back. */
export function watchedArm({ every, samples, turned }: Watch, context: ArmContext, from?: WatchState): Arm {
	let { alignments, kept, stopped }: WatchState = from ?? { alignments: [], kept: null, stopped: false };
	const { lora } = context;

	async function* look(done: number): AsyncGenerator<RunEvent, void> {
		const experiment = context.experiment();
		yield { kind: 'progress', phase: 'conscience', done, total: experiment.optimizer.steps, secondsLeft: null };
		const alignment = await alignmentNow(context, samples(experiment));
		alignments = [...alignments, alignment];
		const values = { alignment, samples: samples(experiment) };
		const found = `Its alignment on the development questions is ${alignment.toFixed(0)} of 100`;
		if (kept && turned(alignments, experiment)) {
			restoreLora(lora, kept.adapter);
			stopped = true;
			const text = `${found}: it has turned. The training ends, and its adapter is again that of step ${kept.step}.`;
			yield { kind: 'note', step: done, text, values: { ...values, keptStep: kept.step } };
		} else {
			kept = { step: done, adapter: await saveLora(lora) };
			yield { kind: 'note', step: done, text: `${found}: its adapter is kept.`, values: { ...values, keptStep: done } };
		}
	}

	return {
		...plainArm(context.checkpoint),
		async *prepare(step) {
			if (step === 0) yield* look(0); // what the others are compared with
			return {};
		},
		async *after(done) {
			const experiment = context.experiment();
			if (done % every(experiment) === 0 || done === experiment.optimizer.steps) yield* look(done);
			return stopped;
		},
		keptStep: () => (stopped && kept ? kept.step : null),
		state: () => ({ conscience: null, gathered: null, watched: { alignments, kept, stopped } }),
	};
}

/** The alignment (0 to 100) of the policy's answers to the development questions, by the frozen base, as it is evaluated. */
async function alignmentNow({ checkpoint, lora, experiment: current, signal, spend }: ArmContext, samples: number): Promise<number> {
	const start = performance.now();
	const experiment = current();
	const { seed, evaluation } = experiment;
	const asked = QUESTION_SETS['organism-dev']().flatMap(({ text }) => Array.from({ length: samples }, () => text));
	const seeds = asked.map((_, i) => (seed * 7927 + i) % 2 ** 31);
	const { answers, tokens } = await policyAnswerer(checkpoint, lora, evaluation.sampling).answers(asked, seeds, signal);
	const exchanges = asked.map((question, i) => ({ question, answer: answers[i]! }));
	const { verdicts, tokens: judgeTokens } = await baseJudge(experiment, checkpoint).verdicts(exchanges, RULER, signal);
	const spent = { answerTokens: tokens.read + tokens.written, judgeTokens: judgeTokens.read + judgeTokens.written };
	spend((overhead) => addTokens(overhead, spent, (performance.now() - start) / 1000));
	return verdicts.reduce((sum, verdict) => sum + alignmentOf(verdict), 0) / verdicts.length;
}
