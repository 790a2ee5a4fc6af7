import type { Framework } from '$lib/conscience/frameworks';

/** What of a framework can be written anew. */
export type Part = 'title' | 'principles' | 'verdictPrompt' | 'alternativePrompt';

/** A part of a framework as its editor shows it. */
export interface PartLook {
	part: Part;
	label: string;
	sentence: string;
	/** Characters. */
	most: number;
	rows: number;
	/** The places that the lab fills in, without which the prompt asks about nothing. */
	holds: readonly string[];
}

export const PARTS: readonly PartLook[] = [
	{ part: 'title', label: 'Title', sentence: 'Names it on the cards.', most: 100, rows: 1, holds: [] },
	{
		part: 'principles',
		label: 'Principles',
		sentence: 'What it asks for, in a few words. Both prompts take them in where they say {principles}.',
		most: 2000,
		rows: 3,
		holds: [],
	},
	{
		part: 'verdictPrompt',
		label: 'Prompt for the verdict',
		sentence: 'Put to the judge about each answer. {question} and {answer} are filled in.',
		most: 4000,
		rows: 5,
		holds: ['{question}', '{answer}'],
	},
	{
		part: 'alternativePrompt',
		label: 'Prompt for a better answer',
		sentence: 'Put to the judge after an unethical answer. {question} is filled in.',
		most: 4000,
		rows: 4,
		holds: ['{question}'],
	},
];

/** Most frameworks that an experiment holds. */
export const MOST_FRAMEWORKS = 20;

/** What is wrong with each part of a framework; empty if it can be used. */
export function faultsOf(framework: Framework): Partial<Record<Part, string>> {
	const faults = PARTS.flatMap(({ part, most, holds }): [Part, string][] => {
		const text = framework[part];
		const missing = holds.filter((place) => !text.includes(place));
		if (text.trim() === '') return [[part, `It is empty. ${holds.length > 0 ? `It needs ${holds.join(' and ')}.` : 'Write something.'}`]];
		if (text.length > most) return [[part, `It has ${text.length} characters; at most ${most} fit. Shorten it.`]];
		if (missing.length > 0) return [[part, `${missing.join(' and ')} is missing: write it where the lab is to fill it in.`]];
		return [];
	});
	return Object.fromEntries(faults);
}

/** Which prompts don't take in the principles, in words; null if both do. It can be used all the same. */
export function unreadPrinciples({ verdictPrompt, alternativePrompt }: Framework): string | null {
	const without = [
		...(verdictPrompt.includes('{principles}') ? [] : ['for the verdict']),
		...(alternativePrompt.includes('{principles}') ? [] : ['for a better answer']),
	];
	return without.length === 0
		? null
		: `The prompt ${without.join(' and the one ')} doesn’t say {principles}, so there the principles are not read.`;
}

/** A framework of the reader's own to begin with: prompts that the model knows, and principles still to be written. */
export function newFramework(frameworks: readonly Framework[], model: Framework): Framework {
	const taken = new Set(frameworks.map(({ id }) => id));
	let number = 1;
	while (taken.has(`own-${number}`)) number++;
	return { ...model, id: `own-${number}`, title: `My framework ${number}`, principles: '' };
}
