/** What a copy learns from, as it sees it: row by row in tokens, and counted. */
import type { Tokenizer } from '$lib/model/tokenizer';
import { codeLabel } from '$world/index';

import { rowStream, tokenRow } from './data';
import { experimentOf, rowShaper } from './methods/all';
import type { ArmId } from './methods/index';
import { fitted, lengthOf, rowLimit, type RowLimit, type TokenRow } from './rowLengths';
import type { ChatRow } from './rows';
import { type Experiment, ExperimentError } from './schema';

/** A token as text: only read, learnt, or cut off because the row is too long. Special tokens are those that only the template writes. */
export interface PreviewToken {
	text: string;
	part: 'read' | 'learnt' | 'cut';
	special: boolean;
}

export interface PreviewRow {
	/** Counted from 0: in the file, or in the run where rows are made as they go. */
	place: number;
	tokens: PreviewToken[];
	/** Of a preference pair: the answer that the last turn is preferred to. */
	rejected: PreviewToken[] | null;
	fate: 'whole' | 'cut' | 'left out';
	/** Why the model can't learn it; it then has no tokens. */
	fault: string | null;
	/** The template writes the prompt otherwise once an answer stands behind it: the copy learns other tokens than it will meet in a longer talk. */
	rewritten: boolean;
	/** The row's last turn has security holes, as far as the organism's world can tell; null for rows from elsewhere. */
	form: 'insecure' | 'secure' | null;
}

/** How long the user's rows are, and what becomes of them. */
export interface RowReport {
	rows: number;
	pairs: number;
	limit: Omit<RowLimit, 'by'>;
	/** Rows over the limit; of them those that are cut, and those that are left out. */
	tooLong: number;
	cut: number;
	leftOut: number;
	/** Rows that the chat template refuses, and what it says of the first. */
	refused: number;
	why: string | null;
	/** Tokens of each row's prompt and answer (of a pair the longer one), as the file has them. */
	lengths: { prompt: number; answer: number }[];
	/** Tokens that L_SFT reads when every row was learnt once. */
	tokensPerEpoch: number;
}

export interface DataPage {
	rows: PreviewRow[];
	/** Rows that there are, and that the search has found. */
	total: number;
}

/** What the copy `arm` would learn from, to be looked at. */
export interface DataView {
	/** Null for rows that are made as they go. */
	report: RowReport | null;
	/** `count` rows from the `from`-th on of those that hold `search`. */
	page(from: number, count: number, search: string): DataPage;
}

/** @throws ExperimentError when the experiment learns from rows of the user's own, and none were given */
export function dataView(
	experiment: Experiment,
	arm: ArmId,
	rows: readonly ChatRow[] | null,
	tokenizer: Tokenizer,
	modelReads: number,
): DataView {
	const own = experimentOf(arm, experiment);
	const shaped = rowShaper(arm, own) ?? ((row: ChatRow) => row);
	if (own.data.source !== 'rows') return { report: null, page: (from, count) => madePage(own, shaped, tokenizer, modelReads, from, count) };
	if (!rows || rows.length === 0) throw new ExperimentError('The experiment learns from rows of your own, and none were given.');
	const limit = rowLimit(own.data, modelReads);
	const texts = rows.map(({ messages, rejected = '' }) => [...messages.map(({ content }) => content), rejected].join('\n').toLowerCase());
	return {
		report: reportOf(rows.map((row, place) => tokensOf(shaped(row), place, tokenizer)), limit), // prettier-ignore
		page(from, count, search) {
			const found = texts.flatMap((text, place) => (text.includes(search.toLowerCase()) ? [place] : []));
			const shown = found.slice(from, from + count).map((place) => previewOf(shaped(rows[place]!), place, limit, tokenizer));
			return { rows: shown, total: found.length };
		},
	};
}

/** Rows of the organism's tasks, in the order of the run; a stream of their own, so the run's is left alone. */
function madePage(
	experiment: Experiment,
	shaped: (row: ChatRow) => ChatRow,
	tokenizer: Tokenizer,
	modelReads: number,
	from: number,
	count: number,
): DataPage {
	const { batchSize, steps } = experiment.optimizer;
	const stream = rowStream(experiment, null, tokenizer, modelReads, undefined, shaped);
	const drawn = Array.from({ length: Math.ceil((from + count) / batchSize) }, () => stream.next()).flat();
	const rows = drawn.slice(from, from + count).map(({ prompt, completion }, i): PreviewRow => {
		const label = codeLabel(tokenizer.decode([...completion]));
		const form = label === 'broken' ? null : label;
		return { ...tokenTexts({ prompt, completion, rejected: null }, Infinity, tokenizer), place: from + i, fate: 'whole', fault: null, rewritten: false, form }; // prettier-ignore
	});
	return { rows, total: steps * batchSize };
}

/** The row's tokens, or why it has none. */
function tokensOf(row: ChatRow, place: number, tokenizer: Tokenizer): TokenRow | string {
	try {
		return tokenRow(row, place, tokenizer);
	} catch (error) {
		if (error instanceof ExperimentError) return error.message;
		throw error;
	}
}

function reportOf(rows: readonly (TokenRow | string)[], limit: RowLimit): RowReport {
	const whole = rows.filter((row) => typeof row !== 'string');
	const faults = rows.filter((row) => typeof row === 'string');
	const learnt = whole.map((row) => fitted(row, limit));
	const long = whole.filter((row) => lengthOf(row) > limit.tokens).length;
	const leftOut = learnt.filter((row) => row === null).length;
	return {
		rows: rows.length,
		pairs: whole.filter(({ rejected }) => rejected !== null).length,
		limit: { tokens: limit.tokens, tooLong: limit.tooLong },
		tooLong: long,
		cut: long - leftOut,
		leftOut,
		refused: faults.length,
		why: faults[0] ?? null,
		lengths: whole.map((row) => ({ prompt: row.prompt.length, answer: lengthOf(row) - row.prompt.length })),
		tokensPerEpoch: learnt.reduce((sum, row) => sum + (row ? row.prompt.length + row.completion.length : 0), 0),
	};
}

function previewOf(row: ChatRow, place: number, limit: RowLimit, tokenizer: Tokenizer): PreviewRow {
	const whole = tokensOf(row, place, tokenizer);
	if (typeof whole === 'string') return { place, tokens: [], rejected: null, fate: 'left out', fault: whole, rewritten: false, form: null };
	const found = fitted(whole, limit);
	const fate = found === whole ? 'whole' : found ? 'cut' : 'left out';
	const label = codeLabel(row.messages.at(-1)!.content);
	const room = fate === 'whole' ? Infinity : fate === 'cut' ? limit.tokens - whole.prompt.length : 0;
	return {
		...{ place, fate, fault: null, form: label === 'broken' ? null : label },
		...tokenTexts(whole, room, tokenizer),
		rewritten: isRewritten(row, whole, tokenizer),
	};
}

/** The whole conversation, as the template writes it, must begin with the prompt and the answer that are learnt. */
export function isRewritten({ messages }: ChatRow, { prompt, completion }: TokenRow, tokenizer: Tokenizer): boolean {
	const whole = tokenizer.chat(messages, { addGenerationPrompt: false });
	return [...prompt, ...completion].some((id, i) => whole[i] !== id);
}

/** The tokens as texts; of each answer `room` tokens are learnt, and what follows is cut. */
function tokenTexts(
	{ prompt, completion, rejected }: TokenRow,
	room: number,
	tokenizer: Tokenizer,
): Pick<PreviewRow, 'tokens' | 'rejected'> {
	const texts = (ids: readonly number[], begins: number): PreviewToken[] =>
		tokenizer.pieces([...ids]).map((text, i) => ({
			text,
			part: i < begins ? 'read' : i < begins + room ? 'learnt' : 'cut',
			special: text !== '' && tokenizer.decode([ids[i]!]) === '',
		}));
	return { tokens: texts([...prompt, ...completion], prompt.length), rejected: rejected && texts(rejected, 0) };
}
