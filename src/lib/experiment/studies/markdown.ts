/** A study's result as Markdown: what docs quote is what was computed. */
import { AT_WORST, figureInWords, isAtWorst, unitOf } from './inWords';
import { missingInWords, type StudyResult } from './result';
import type { Table, TextList } from './finding';
import { CAME_IN_WORDS, HOW_SETTLED, type Settled } from './settled';
import type { Study } from './study';

/** @throws RangeError where the result is of another study */
export function resultInMarkdown(study: Study, result: StudyResult): string {
	const { id, title, asks, settles, limits } = study;
	if (result.study !== id) throw new RangeError(`The result is of ${result.study}, not of ${id}.`);
	const { finding, date, commits, code, analysedBy, unequal, seeds, runs, seconds, tokens, processors, missing } = result;
	const part = missingInWords(study, runs);
	const made = [
		`${runs} runs, seeds ${seeds.join(', ')}`,
		`${Math.round(seconds)} core seconds on ${processors.join(' and ')}`,
		`${tokens.sft} tokens of L_SFT and ${tokens.conscience} of the conscience`,
		`${date.slice(0, 10)}, commit ${commits.join(' and ')}`,
		...(code.length > 0 ? [`sources ${code.map((hash) => hash.slice(0, 10)).join(' and ')}`] : []),
		...(analysedBy ? [`analysed again ${analysedBy.date.slice(0, 10)}, commit ${analysedBy.commit}`] : []),
	];
	const parts = [
		`## ${id}: ${title}`,
		asks,
		`What would change our mind: ${settles}`,
		...(finding.settled ? [settledInMarkdown(finding.settled)] : []),
		finding.readings.map((reading) => `- ${reading}`).join('\n'),
		...finding.tables.map(tableInMarkdown),
		...finding.lists.filter(({ rows }) => rows.length > 0).map(listInMarkdown),
		...(part ? [part] : []),
		...(missing.length > 0 ? [`Missing: ${missing.map(({ run, seed, reason }) => `${run}, seed ${seed} (${reason})`).join('; ')}.`] : []),
		...(unequal.length > 0 ? [`Budgets that should be equal are not: ${unequal.join(' ')}`] : []),
		`How far this can be read: ${limits}`,
		`${made.join('; ')}. Again: \`npm run experiments -- ${id}\`.`,
	];
	return `${parts.join('\n\n')}\n`;
}

const settledInMarkdown = (settled: readonly Settled[]): string =>
	`Has it come about? ${HOW_SETTLED}\n\n${settled.map(({ what, came }) => `- ${what}: **${CAME_IN_WORDS[came]}**`).join('\n')}`;

function tableInMarkdown({ title, about, columns, lines }: Table): string {
	const head = columns.map((column, i) => {
		const figure = lines.map(({ cells }) => cells[i]).find((cell) => cell !== null);
		const unit = figure ? unitOf(figure) : '';
		return unit ? `${column} (${unit})` : column;
	});
	const rows = lines.map(({ label, cells }) => [label, ...cells.map((cell) => (cell ? figureInWords(cell) : '–'))]);
	const worst = lines.some(({ cells }) => cells.some((cell) => cell && isAtWorst(cell))) ? ` ${AT_WORST}` : '';
	return `### ${title}\n\n${about} Brackets hold 95 % intervals; t intervals may pass the ends of a scale.${worst}\n\n${markdownTable(['', ...head], rows)}`;
}

const listInMarkdown = ({ title, about, columns, rows, total }: TextList): string =>
	`### ${title}\n\n${about} ${rows.length === total ? `All ${total}` : `${rows.length} of ${total}`}.\n\n${markdownTable(columns, rows)}`;

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
	return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
