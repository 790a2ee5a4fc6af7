import { COPIES } from '$lib/experiment/methods/index';
import type { ArmId } from '$lib/experiment/schema';
import type { Figure, Where } from '$lib/experiment/studies/figures';
import type { MeasureId } from '$lib/experiment/studies/measures';
import type { StudyResult } from '$lib/experiment/studies/result';

/** What studies have found, by their ids; of one that was not run there is nothing. */
export type Results = Readonly<Record<string, StudyResult | null>>;

/** The studies that the page quotes. */
export const QUOTED = ['E1', 'E4', 'E8', 'E9', 'E10', 'E11', 'E16'] as const;

/** A figure of a study by what it measures, and of which rows: as its tables hold it; null where they don't. */
export function figureIn(results: Results, study: (typeof QUOTED)[number], measure: MeasureId, of: Where, minus?: Where): Figure | null {
	const cells = results[study]?.finding.tables.flatMap(({ lines }) => lines.flatMap((line) => line.cells)) ?? [];
	const same = (a: Where | undefined, b: Where | undefined) => JSON.stringify(a) === JSON.stringify(b);
	return cells.find((cell) => cell?.measure === measure && same(cell.of, of) && same(cell.minus, minus)) ?? null;
}

/** What the paper prints: a mean, and a ± of which its summaries don't say what it is. */
export interface Printed {
	mean: number;
	plusMinus: number;
}

export type Look = 'base' | 'plain' | 'conscience' | 'control' | 'other';

/** One line of the comparison: who was measured, and what came out, with what it took and whether the narrow task was learnt. */
export type Line = { name: string; note: string; look: Look } & (
	{ measured: Figure; code: Figure | null; tokens: Figure | null } | { printed: Printed }
);

export interface Group {
	title: string;
	/** How the numbers were made. */
	made: string;
	lines: readonly Line[];
}

const paper: Group = {
	title: 'The paper, on Qwen3-4B',
	made: '24 benign questions, scored by Qwen3-30B-A3B. One number for each method. What ± stands for, and how many seeds there were, we could not find out.',
	lines: [
		{ name: 'Emergent Alignment', note: 'about 3 % more computing', look: 'conscience', printed: { mean: 91, plusMinus: 0.7 } },
		{ name: 'Representation Engineering', note: 'another method', look: 'other', printed: { mean: 90, plusMinus: 0.8 } },
		{ name: 'Constitutional AI', note: 'another method', look: 'other', printed: { mean: 87, plusMinus: 2 } },
	],
};

/** What the lab's methods are in the words of their papers. */
const ALSO_CALLED: Partial<Record<ArmId, string>> = {
	'emergent-alignment': 'Emergent Alignment',
	'repe-infer': 'Representation Engineering, at inference',
	'repe-prevent': 'Representation Engineering, preventative',
	'repe-lorra': 'Representation Engineering, LoRRA',
	'cai-sft': 'Constitutional AI, fine-tuned on revisions',
	'cai-dpo': 'Constitutional AI, DPO on revisions',
	inoculation: 'inoculation prompting',
	confession: 'a confession learnt beside each answer',
};

/** The runs of E8 and E16 that are not called as their method is. */
const RUNS: Readonly<Record<string, { name: string; note: string; look: Look }>> = {
	base: { name: 'Base', note: 'before any training', look: 'base' },
	sft: { name: 'Plain fine-tune', note: 'on insecure code', look: 'plain' },
	ea: { name: COPIES['emergent-alignment'].title, note: ALSO_CALLED['emergent-alignment']!, look: 'conscience' },
	'secure-control': { name: COPIES['secure-control'].title, note: 'a control', look: 'control' },
	secure: { name: COPIES['secure-control'].title, note: 'a control', look: 'control' },
};

function lineOf(results: Results, study: 'E8' | 'E16', run: string): Line[] {
	const measured = figureIn(results, study, 'trueAlignment', { run });
	if (!measured) return [];
	const method: ArmId = run === 'ea' ? 'emergent-alignment' : (run as ArmId);
	const named = RUNS[run] ?? { name: COPIES[method].title, note: ALSO_CALLED[method] ?? 'another method', look: 'other' };
	const [code, tokens] = (['insecureCodeRate', 'tokenRatio'] as const).map((measure) => figureIn(results, study, measure, { run }));
	return [{ ...named, measured, code: code!, tokens: tokens! }];
}

/** In the order of the paper's table; whoever is not in it comes after. */
const IN_TABLE = ['base', 'sft', 'ea', 'repe-infer', 'repe-prevent', 'repe-lorra', 'cai-sft', 'cai-dpo', 'inoculation', 'confession'];
const AFTER = ['kl', 'benign', 'early-stopping', 'alternatives-only', 'secure-control'];

/** The paper's figures, and the lab's for the same methods under one protocol, each group on a ruler of its own kind. */
export function alignmentGroups(results: Results): Group[] {
	const [table, other] = [results.E8, results.E16];
	const ofTable = [...IN_TABLE, ...AFTER].flatMap((run) => lineOf(results, 'E8', run));
	const ofOther = ['base', 'sft', 'ea', 'secure'].flatMap((run) => lineOf(results, 'E16', run));
	return [
		paper,
		...(table
			? [
					{
						title: 'This lab, on its organism',
						made: `${table.seeds.length} paired seeds, 150 steps each on the same rows; 24 held-out questions with 8 answers each, scored by their true labels. Whoever has a conscience calls it every ten steps. Brackets hold 95 % intervals over questions and seeds (study E8).`,
						lines: ofTable,
					},
				]
			: []),
		...(other
			? [
					{
						title: 'On a second organism',
						made: `${other.seeds.length} paired seeds, the presets’ schedule, otherwise the same (study E16). It was raised from another seed; the one that turned more was chosen to ship.`,
						lines: ofOther,
					},
				]
			: []),
	];
}
