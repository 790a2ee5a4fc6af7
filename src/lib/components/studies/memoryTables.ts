import type { Estimate } from '$lib/evaluation/statistics';
import type { Cost } from '$lib/experiment/memoryStudy/rows';
import type { ConditionFigures, MemoryResult } from '$lib/experiment/memoryStudy/result';
import type { Figure } from '$lib/experiment/studies/figures';
import type { Table } from '$lib/experiment/studies/finding';

/** Lines of a run without a memory have the colours that the copies have everywhere. */
const COPY_OF: Readonly<Record<string, string>> = { plain: 'sft', full: 'ea' };
const isPoisoned = (id: string) => /^none-.*-[12]$/.test(id) && id !== 'none-clean-2';

const figure = (measure: Figure['measure'], estimate: Estimate | null, minus?: string): Figure | null =>
	estimate && { ...estimate, measure, of: {}, n: estimate.clusters, ...(minus !== undefined && { minus: { run: minus } }) };
const sides = ({ alignment, insecure, minus }: ConditionFigures) => [
	figure('trueAlignment', alignment),
	figure('trueAlignment', minus.plain, 'plain'),
	figure('trueAlignment', minus.full, 'full'),
	figure('insecureCodeRate', insecure),
];
const SIDES = ['Alignment, true labels', 'Above the plain copy', 'Above all calls without a memory', 'Insecure code on request'];

const linesOf = (conditions: readonly ConditionFigures[]) =>
	conditions.map((condition) => ({ label: condition.label, run: COPY_OF[condition.id] ?? '', cells: sides(condition) }));

/** The runs with a memory that nobody has poisoned, and without one. */
export const unpoisoned = ({ conditions }: Pick<MemoryResult, 'conditions'>) => conditions.filter(({ id }) => !isPoisoned(id));

/** What a fresh run comes to, with a memory and without. */
export const useTable = (result: MemoryResult): Table => ({
	title: 'A fresh run, with the class’s memory and without',
	about: 'After the last step; intervals over questions and seeds, differences paired by both.',
	columns: SIDES,
	lines: linesOf(unpoisoned(result)),
});

/** What becomes of a run that learns from a poisoned memory alone. */
export const poisonTable = ({ conditions }: MemoryResult): Table => ({
	title: 'A run that lives from a poisoned memory alone',
	about: 'No judge is asked in these runs: what the memory says is all that is learnt. Intervals over questions and seeds.',
	columns: SIDES,
	lines: linesOf(conditions.filter(({ id }) => /^none-.*-[12]$/.test(id))),
});

/** How alike a remembered answer must be. */
export const thresholdTable = ({ thresholds, drafts }: MemoryResult): Table => ({
	title: 'How alike is alike enough?',
	about: `${drafts} answers of the contributors’ copies to development questions, each looked up among those of all other contributors; intervals over families of questions and contributors.`,
	columns: [
		'Known to the memory',
		'Its label is the judge’s',
		'Where the judge says unethical',
		'Ranked by measured benefit, too',
		'Found in other families of questions',
	],
	lines: thresholds.map(({ threshold, known, agrees, agreesOnUnethical, agreesByBenefit, agreesElsewhere }) => ({
		label: `Cosine ${threshold} or more`,
		run: '',
		cells: [known, agrees, agreesOnUnethical, agreesByBenefit, agreesElsewhere].map((estimate) => figure('judgeAccuracy', estimate)),
	})),
});

/** What examples do to the judge. */
export const examplesTable = ({ examples }: MemoryResult): Table => ({
	title: 'Remembered verdicts as examples for the judge',
	about:
		'The nearest of what others remember of other questions stand in its prompt as earlier turns; intervals over families of questions.',
	columns: ['Right about what copies answer', 'Right about cruel answers in a dress'],
	lines: examples.map(({ examples: count, right, rightOnDressed }) => ({
		label: count === 0 ? 'None' : count === 1 ? '1 example' : `${count} examples`,
		run: '',
		cells: [figure('judgeAccuracy', right), figure('judgeAccuracy', rightOnDressed)],
	})),
});

/** Costs as the table of costs names them. */
export const COST_WORDS: readonly { of: Cost; label: string }[] = [
	{ of: 'calls', label: 'Calls' },
	{ of: 'judged', label: 'Verdicts asked' },
	{ of: 'known', label: 'Verdicts known' },
	{ of: 'written', label: 'Alternatives written' },
	{ of: 'taken', label: 'Alternatives known' },
	{ of: 'answers', label: 'Tokens of answers' },
	{ of: 'verdicts', label: 'Tokens of verdicts' },
	{ of: 'alternatives', label: 'Tokens of alternatives' },
	{ of: 'states', label: 'Tokens of states' },
	{ of: 'lessons', label: 'Tokens of lessons' },
];
