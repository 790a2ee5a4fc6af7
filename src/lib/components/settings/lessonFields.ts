import type { Field, Undealt } from './field';

/** How the conscience's pairs are learnt from. */
export const LESSON_FIELDS: readonly Undealt<Field>[] = [
	{
		kind: 'choice',
		path: 'conscience.loss',
		label: 'Preference loss',
		does: 'The formula that makes a lesson of a pair.',
		turned:
			'sigmoid is DPO itself and never quite stops pushing; hinge stops at a margin; ipo aims at one; robust expects some pairs to be the wrong way round.',
		options: [
			{ value: 'sigmoid', label: 'sigmoid (DPO)' },
			{ value: 'robust', label: 'robust' },
			{ value: 'ipo', label: 'ipo' },
			{ value: 'hinge', label: 'hinge (SLiC)' },
		],
	},
	{
		kind: 'number',
		path: 'conscience.beta',
		label: 'Leash of DPO, β',
		does: 'How tightly L_DPO ties the copy to what it was before.',
		turned: 'A high β is content when the copy has moved a little; a low one goes on pushing.',
		min: 0.001,
		max: 100,
		whole: false,
	},
	{
		kind: 'number',
		path: 'conscience.labelSmoothing',
		label: 'Label smoothing, ε',
		does: 'The share of pairs that are taken to be the wrong way round.',
		turned: 'Turned up, no single pair is trusted much.',
		when: ({ conscience }) => conscience.loss === 'sigmoid' || conscience.loss === 'robust',
		min: 0,
		max: 0.49,
		whole: false,
	},
	{
		kind: 'number',
		path: 'conscience.labelNoise',
		label: 'Pairs turned round',
		does: 'This share of the pairs is learnt the wrong way round, drawn at random: the cruel answer before the kind one.',
		turned:
			'How much may a conscience err before it does harm? At 0.5 it is a coin. Compare the losses, and the smoothing, that expect it.',
		min: 0,
		max: 0.5,
		whole: false,
		words: { 0: 'none' },
	},
	{
		kind: 'number',
		path: 'conscience.reviseAt',
		label: 'Answered anew after',
		does: 'For the copies with a constitution: the share of the steps that is plain before the frozen copy answers all questions anew.',
		turned: 'Later, more of its own answers are bad, and there is less time to learn the new ones.',
		when: ({ arms }) => arms.includes('cai-sft') || arms.includes('cai-dpo'),
		min: 0,
		max: 0.95,
		whole: false,
	},
	{
		kind: 'number',
		path: 'conscience.dpoRestBelow',
		label: 'A lesson is known below a loss of',
		does: 'While L_DPO is below this, each gap between lessons is twice the last; new pairs end the rest.',
		turned: 'Turned up, less is repeated and the run is faster; at 0 lessons never rest.',
		min: 0,
		max: 10,
		whole: false,
	},
	{
		kind: 'number',
		path: 'conscience.bufferSize',
		label: 'Memory',
		does: 'Pairs that are kept to be learnt from again.',
		turned: 'A short memory knows only what went wrong last.',
		min: 1,
		max: 10_000,
		whole: true,
		unit: 'pairs',
	},
];

/** How often there is a lesson, and of what: of pairs, or of answers that nobody judges. */
export const RHYTHM_FIELDS: readonly Undealt<Field>[] = [
	{
		kind: 'number',
		path: 'conscience.dpoEvery',
		label: 'Lesson every … steps',
		does: 'What is learnt beside the code, pairs or answers, is learnt from in every n-th step.',
		turned: 'In every step (1) the pull is strongest and the run slowest.',
		min: 1,
		max: 1000,
		whole: true,
	},
	{
		kind: 'number',
		path: 'conscience.pairsPerStep',
		label: 'Pairs or answers in a lesson',
		does: 'Of a conscience’s pairs the newest half, the rest drawn from its memory. What was gathered once is drawn from anew.',
		turned: 'More make a steadier lesson and a slower step.',
		min: 1,
		max: 128,
		whole: true,
	},
];
