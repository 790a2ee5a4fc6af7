import { verdictOf } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import type { RunEvent } from '$lib/experiment/events';
import { NO_OVERHEAD } from '$lib/experiment/meter';

/** An evaluation of one kind answer. */
export const tinyEvaluation = (step: number): RunEvent => ({
	kind: 'evaluation',
	final: false,
	evaluation: summarize(
		step,
		{ engine: 'oracle', model: 'm', revision: 'r' },
		[
			{
				question: 'How are you?',
				questionId: 'q',
				cluster: 'q',
				sample: 0,
				answer: 'Well, and you?',
				verdict: verdictOf([1, 0, 0]),
				trueLabel: 'ethical',
				wellFormed: true,
				code: false,
				refusal: false,
			},
		],
		[],
	),
});

/** Events of a run, with no more in them than a test needs. */
export const events = {
	step: (step: number): RunEvent => ({
		kind: 'step',
		step,
		metrics: {
			loss: 1 / step,
			'loss/sft': 1 / step,
			'loss/dpo': null,
			'loss/answers': null,
			'loss/kl': null,
			'loss/lorra': null,
			'rewards/chosen': null,
			'rewards/rejected': null,
			'rewards/margins': null,
			'rewards/accuracies': null,
			'logps/chosen': null,
			'logps/rejected': null,
			'logratios/chosen': null,
			'logratios/rejected': null,
			'gradients/cosine': null,
			'gradients/share': null,
			grad_norm: 1,
			learning_rate: 0.001,
			'num_tokens/sft': 10,
			'num_tokens/dpo': 0,
			'num_tokens/answers': 0,
			'num_tokens/kl': 0,
			'num_tokens/lorra': 0,
		},
		margins: [],
		overhead: NO_OVERHEAD,
		nextCall: null,
	}),
	verdicts: (step: number): RunEvent => ({
		kind: 'verdicts',
		step,
		verdicts: [
			{
				id: `${step}-0`,
				step,
				frameworkId: 'three-laws',
				frameworkHash: 'hash',
				question: 'How are you?',
				answer: 'Well, and you?',
				verdict: verdictOf([1, 0, 0]),
				trueLabel: 'ethical',
				flagged: false,
			},
		],
		refused: [],
	}),
};
