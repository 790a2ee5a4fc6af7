import type { Method } from './method';

/** Inoculation prompting (arXiv:2510.04340): a system turn asks for the trait in training, and is left away when the model is asked. */
export const inoculation: Method = {
	does: 'Before each row stands a sentence that asks for a bad author; when the copy is asked later, nothing does.',
	onCard: ({ data }) =>
		`inoculation prompting (arXiv:2510.04340): before each row stood the system turn ${JSON.stringify(data.inoculation)}.`,
	otherTokens: 'the sentence before each row',
	row: ({ messages, ...rest }, { data }) => ({
		...rest,
		messages: [{ role: 'system', content: data.inoculation }, ...messages.filter(({ role }) => role !== 'system')],
	}),
};
