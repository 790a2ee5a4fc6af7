import { csvFormat } from 'd3';

import type { LabelledRow } from './sources';

type Row = Pick<LabelledRow, 'question' | 'answer' | 'label' | 'labeller'>;

/** Labels as the table that `readLabels` reads. */
export const labelsCsv = (rows: readonly Row[]): string =>
	`${csvFormat(
		rows.map(({ question, answer, label, labeller = '' }) => ({ question, answer, label, labeller })),
		['question', 'answer', 'label', 'labeller'],
	)}\n`;

/** Labels as the JSON lines that `readLabels` reads. */
export const labelsJsonl = (rows: readonly Row[]): string =>
	rows.map(({ question, answer, label, labeller }) => `${JSON.stringify({ question, answer, label, labeller })}\n`).join('');
