import type { NumberField } from './field';

/** How a model's answers are drawn, wherever an experiment has that: `path` holds the three fields, `what` says whose answers. */
export function samplingFields(path: 'conscience.sampling' | 'evaluation.sampling', what: string): Omit<NumberField, 'card'>[] {
	return [
		{
			kind: 'number',
			path: `${path}.temperature`,
			label: `${what}: temperature`,
			does: 'How boldly each next token is drawn.',
			turned: 'At 0 it is always the likeliest; higher is more varied, and above 1 soon garbled.',
			min: 0,
			max: 2,
			whole: false,
		},
		{
			kind: 'number',
			path: `${path}.topP`,
			label: `${what}: top-p`,
			does: 'Only the likeliest tokens that together have this probability are drawn from.',
			turned: 'Lower plays safe; 1 leaves all of them in.',
			min: 0.01,
			max: 1,
			whole: false,
		},
		{
			kind: 'number',
			path: `${path}.maxNewTokens`,
			label: `${what}: longest`,
			does: 'An answer is cut off after this many tokens.',
			turned: 'Shorter is quicker, and leaves more sentences unfinished.',
			min: 1,
			max: 512,
			whole: true,
			unit: 'tokens',
		},
	];
}
