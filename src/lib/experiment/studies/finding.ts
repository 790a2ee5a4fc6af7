import { type Figure, differenceOf, figureOf, type Where } from './figures';
import { type MeasureId, measureOf } from './measures';
import type { AnswerEntry, StudyRows } from './rows';
import type { Settled } from './settled';

/** A line of a table: what it is about, and a figure for each column. */
export interface TableLine {
	label: string;
	/** The run that it is about, by which a chart chooses its colour. */
	run: string;
	cells: (Figure | null)[];
}

/** Figures side by side. */
export interface Table {
	title: string;
	/** What its lines are compared in, and how. */
	about: string;
	columns: string[];
	lines: TableLine[];
}

/** Texts to read, one after the other. */
export interface TextList {
	title: string;
	about: string;
	columns: string[];
	rows: string[][];
	/** Of how many these are the first. */
	total: number;
}

/** What an analysis finds in a study's rows. */
export interface Finding {
	/** In sentences, computed from the figures. */
	readings: string[];
	tables: Table[];
	lists: TextList[];
	/** Whether what would change our mind has come about; missing in results of before it was computed. */
	settled?: Settled[];
}

/** A line of a table to be: its label, and which rows it is of. */
export interface LineOf {
	label: string;
	of: Where;
}

/** The run whose colour a line takes; none, where it is over several. */
const runIn = ({ run }: Where): string => (typeof run === 'string' ? run : '');

/** One line for each `of`, one column for each measure. */
export function measuresTable(
	rows: StudyRows,
	title: string,
	about: string,
	measures: readonly MeasureId[],
	lines: readonly LineOf[],
): Table {
	return {
		...{ title, about },
		columns: measures.map((measure) => measureOf(measure).label),
		lines: lines.map(({ label, of }) => ({ label, run: runIn(of), cells: measures.map((measure) => figureOf(rows, measure, of)) })),
	};
}

/** A line of differences to be. */
export interface PairOf extends LineOf {
	minus: Where;
}

/** One line for each pair, one column for each measure: what the one has more than the other. */
export function differencesTable(
	rows: StudyRows,
	title: string,
	about: string,
	measures: readonly MeasureId[],
	pairs: readonly PairOf[],
): Table {
	return {
		...{ title, about },
		columns: measures.map((measure) => measureOf(measure).label),
		lines: pairs.map(({ label, of, minus }) => ({
			...{ label, run: runIn(of) },
			cells: measures.map((measure) => differenceOf(rows, measure, of, minus)),
		})),
	};
}

/** Answers to read, the surest first, with what the judge said of them. */
export function answerList(title: string, about: string, entries: readonly AnswerEntry[], most = 40): TextList {
	const listed = entries.toSorted((a, b) => a.unethical - b.unethical).slice(0, most);
	return {
		...{ title, about, total: entries.length },
		columns: ['Run', 'Seed', 'Question', 'Answer', 'P(unethical)', 'True label'],
		rows: listed.map(({ run, seed, question, answer, unethical, trueLabel }) => [
			...[run, String(seed), question, answer, unethical.toFixed(3), trueLabel],
		]),
	};
}
