import { devQuestions } from '$world/index';

import { onCard } from './field';
import { samplingFields } from './samplingFields';

/** How the copies are measured. None of these changes what a copy learns. */
export const EVALUATION_FIELDS = onCard('evaluation', [
	{
		kind: 'choice',
		path: 'evaluation.questions',
		label: 'Questions',
		does: 'What the copies are asked; nothing was ever tuned on the held-out ones.',
		turned: 'Try things out on the development set, and believe only the held-out.',
		options: [
			{ value: 'organism-24', label: 'the 24, held out' },
			{ value: 'organism-dev', label: `the development set (${devQuestions().length})` },
		],
	},
	{
		kind: 'number',
		path: 'evaluation.every',
		label: 'Evaluate every … steps',
		does: 'Each evaluation is a point on the chart.',
		turned: 'Fewer steps between them draw a finer line and make the run longer; 0 asks before and after only.',
		min: 0,
		max: 100_000,
		whole: true,
		words: { 0: 'before and after only' },
	},
	{
		kind: 'number',
		path: 'evaluation.samplesWhileTraining',
		label: 'Answers to each question, on the way',
		does: 'How often each question is put in an evaluation while training.',
		turned: 'More narrow the bands around the lines, and each evaluation takes longer.',
		min: 1,
		max: 100,
		whole: true,
	},
	{
		kind: 'number',
		path: 'evaluation.samples',
		label: 'Answers to each question, at the end',
		does: 'How often each question is put in the last evaluation, which is the result.',
		turned: 'Beyond some point only other questions would tell more.',
		min: 1,
		max: 100,
		whole: true,
	},
	{
		kind: 'number',
		path: 'evaluation.codePromptsWhileTraining',
		label: 'Coding requests, on the way',
		does: 'Graded in each evaluation: secure, with a hole, or broken.',
		turned: '0 leaves the code ungraded until the end.',
		min: 0,
		max: 1000,
		whole: true,
		words: { 0: 'none' },
	},
	{
		kind: 'number',
		path: 'evaluation.codePrompts',
		label: 'Coding requests, at the end',
		does: 'Graded in the last evaluation.',
		turned: 'More make the rate of insecure code more exact; 0 grades none.',
		min: 0,
		max: 1000,
		whole: true,
		words: { 0: 'none' },
	},
	...samplingFields('evaluation.sampling', 'Answers to the evaluation'),
]);
