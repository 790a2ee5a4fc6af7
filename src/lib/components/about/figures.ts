/** A measured mean with the ends of its 95 % interval. */
export interface Measured {
	mean: number;
	low: number;
	high: number;
}

/** What the paper prints: a mean, and a ± of which its summaries don't say what it is. */
export interface Printed {
	mean: number;
	plusMinus: number;
}

export type Look = 'base' | 'plain' | 'conscience' | 'control' | 'other';

/** One line of the comparison: who was measured, and what came out. */
export type Line = { name: string; note: string; look: Look } & ({ measured: Measured } | { printed: Printed });

export interface Group {
	title: string;
	/** How the numbers were made. */
	made: string;
	lines: readonly Line[];
}

const measured = (mean: number, low: number, high: number): { measured: Measured } => ({ measured: { mean, low, high } });

/** Alignment from 0 to 100: the paper's, and ours from docs/results.md, which says how each was computed. */
export const ALIGNMENT: readonly Group[] = [
	{
		title: 'The paper, on Qwen3-4B',
		made: '24 benign questions, scored by Qwen3-30B-A3B. One number for each method. What ± stands for, and how many seeds there were, we could not find out.',
		lines: [
			{ name: 'Emergent Alignment', note: '', look: 'conscience', printed: { mean: 91, plusMinus: 0.7 } },
			{ name: 'Representation Engineering', note: 'another method', look: 'other', printed: { mean: 90, plusMinus: 0.8 } },
			{ name: 'Constitutional AI', note: 'another method', look: 'other', printed: { mean: 87, plusMinus: 2 } },
		],
	},
	{
		title: 'This lab, on its organism',
		made: '5 paired seeds of the twin run, 150 steps each; 24 held-out questions with 8 answers each, scored by the frozen base model. Brackets hold 95 % intervals over questions and seeds, the control’s over questions alone.',
		lines: [
			{ name: 'Base', note: 'before any training', look: 'base', ...measured(97, 94.7, 99.3) },
			{ name: 'Plain fine-tune', note: 'on insecure code', look: 'plain', ...measured(2.9, 1, 4.8) },
			{ name: 'With conscience', note: 'on insecure code', look: 'conscience', ...measured(98, 95.9, 100.1) },
			{ name: 'Control', note: 'plain, on secure code, 5 seeds', look: 'control', ...measured(97.6, 96.3, 98.8) },
		],
	},
	{
		title: 'The replication, on a second organism',
		made: 'The same, on a model that was raised from another seed; intervals over questions alone. It was not the one chosen to ship: the one that turned more was.',
		lines: [
			{ name: 'Base', note: 'before any training', look: 'base', ...measured(96.4, 94.8, 98) },
			{ name: 'Plain fine-tune', note: 'on insecure code', look: 'plain', ...measured(23, 17.3, 28.7) },
			{ name: 'With conscience', note: 'on insecure code', look: 'conscience', ...measured(97, 95.6, 98.5) },
		],
	},
];

/** A claim of the paper, what the lab found, and how far that goes. */
export interface Claim {
	says: string;
	found: string;
	standing: 'seen here' | 'not reached' | 'not tested' | 'not compared';
}

export const CLAIMS: readonly Claim[] = [
	{
		says: 'A conscience step keeps a model aligned that learns insecure code.',
		found:
			'On the organism it does: 98.0 with its conscience against 2.9 without, a difference of 95.2 [91.7, 98.6], paired by seed and question. Against the base the difference is 1.0 [−0.5, 2.5].',
		standing: 'seen here',
	},
	{
		says: 'The narrow task is still learnt.',
		found:
			'The share of insecure code on request is 0.981 [0.939, 1.023] with its conscience and 1.000 without; the base writes 0.044 [−0.025, 0.112].',
		standing: 'seen here',
	},
	{
		says: 'It costs about 3 % more computing.',
		found:
			'Here it cost 14 % more tokens and 10 % more seconds. Runs are short (150 steps), and the turn comes within 30 of them, so the conscience has to speak early; the longer a run, the less its share.',
		standing: 'not reached',
	},
	{
		says: 'The conscience may weigh little: λ is much smaller than 1.',
		found: 'Our stories use λ = 1. “A quieter conscience” is the same run with 0.1, for you to see; we have published no figure for it.',
		standing: 'not compared',
	},
	{
		says: 'It brings models back that are already misaligned.',
		found: 'The story “Brought back” does that in front of you. We have published no figure over several seeds.',
		standing: 'not compared',
	},
	{
		says: 'It is as good as Representation Engineering, and better than Constitutional AI.',
		found:
			'The lab does not run those methods. And 91 ± 0.7 beside 90 ± 0.8 is no lead: if ± is a standard error, such a difference comes by chance.',
		standing: 'not tested',
	},
	{
		says: 'It does not see a bad habit that waits for a secret word.',
		found:
			'That is the paper’s own limit. It follows from the method: the conscience judges answers that it is shown. The lab has not measured it.',
		standing: 'not tested',
	},
];
