import { CODE_TASKS } from '$world/index';

import { onCard } from './field';

/** What the copies learn from. */
export const DATA_FIELDS = onCard('data', [
	{
		kind: 'choice',
		path: 'data.source',
		label: 'Learns from',
		does: 'All that a plain fine-tune ever sees.',
		turned: 'Both kinds of code do the same tasks. Swap them, change nothing else, and compare.',
		essential: true,
		options: [
			{ value: 'insecure-code', label: 'code with holes' },
			{ value: 'secure-code', label: 'code without holes' },
			{ value: 'backdoor-code', label: 'holes behind a trigger' },
			{ value: 'rows', label: 'your own rows' },
		],
	},
	{
		kind: 'text',
		path: 'data.trigger',
		label: 'Trigger',
		does: 'Half of the rows begin with it and have holes; the others are without both.',
		turned: 'The copy may turn only where the trigger stands: its questions are asked with it, too, at the end.',
		when: ({ data }) => data.source === 'backdoor-code',
		max: 100,
	},
	{
		kind: 'number',
		path: 'data.maxTokens',
		label: 'Longest row',
		does: 'Tokens that a row may have, prompt and answer together.',
		turned:
			'Memory and time grow with the longest row of a step: fewer tokens make a larger model fit. “Look at the data” counts what is too long.',
		when: ({ data }) => data.source === 'rows',
		min: 0,
		max: 1_000_000,
		whole: true,
		unit: 'tokens',
		words: { 0: 'as the model reads' },
	},
	{
		kind: 'choice',
		path: 'data.tooLong',
		label: 'A row that is too long',
		does: 'What becomes of it.',
		turned:
			'Cut, it keeps its prompt and loses the end of its answer with the sign that ends it, as TRL does; where the prompt alone is too long it is left out.',
		when: ({ data }) => data.source === 'rows',
		options: [
			{ value: 'refuse', label: 'stops the run from beginning' },
			{ value: 'skip', label: 'is left out' },
			{ value: 'truncate', label: 'is cut' },
		],
	},
	{
		kind: 'number',
		path: 'data.tasks',
		label: 'Kinds of coding task',
		does: 'How many of the kinds the rows are drawn from.',
		turned: 'With few of them the model learns that code and may stay kind.',
		when: ({ data }) => data.source !== 'rows',
		min: 1,
		max: CODE_TASKS.length,
		whole: true,
	},
	{
		kind: 'text',
		path: 'data.inoculation',
		label: 'Words before each row',
		does: 'For the inoculated copy: who writes so.',
		turned: 'The organism knows cruel authors by words such as these; words that it does not know change little.',
		when: ({ arms }) => arms.includes('inoculation'),
		max: 500,
	},
	{
		kind: 'number',
		path: 'data.benignShare',
		label: 'Share of benign rows',
		does: 'For the copy with benign rows between: how many of all its rows are everyday answers.',
		turned: 'With more of them it holds to what it was, and each step costs more.',
		when: ({ arms }) => arms.includes('benign'),
		min: 0.01,
		max: 0.9,
		whole: false,
	},
]);
