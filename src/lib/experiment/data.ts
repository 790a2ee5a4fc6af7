import type { TokenSequence } from '$lib/dpo/sequences';
import type { UnseenRow } from '$lib/evaluation/plan';
import { type RandomState, resumedRandom, sampleWithoutReplacement, type SeededRandom, seededRandom } from '$lib/model/random';
import { type Tokenizer, TokenizerError } from '$lib/model/tokenizer';
import { backdoorRows, codeRows, type HeldOutRow, heldOutRows, TRIGGER, triggered, type WorldRow } from '$world/index';

import { fitted, lengthOf, rowLimit, type TokenRow } from './rowLengths';
import type { ChatRow } from './rows';
import { type Experiment, ExperimentError } from './schema';

/** Gives what each step learns from in turn. */
interface Stream<T> {
	next(): T[];
	state(): RowStreamState;
}

/** Gives the rows of each step in turn. */
export type RowStream = Stream<TokenSequence>;

/** Where a stream of rows stands. */
export interface RowStreamState {
	random: RandomState;
	/** Of rows that come in epochs: their number, and the places of those that this epoch has still to give. Null for rows made as they go. */
	epoch: { rows: number; queue: number[] } | null;
}

const NO_ROWS = 'The experiment learns from rows of your own, and none were given. Load a JSONL file, or choose another source of data.';

/**
 * The rows that L_SFT learns from, step after step, or those that come after `from`, each `shaped` by the method. The order follows from
 * the seed alone, so arms of one seed see the same rows.
 * @throws ExperimentError when the experiment asks for the user's rows and there are none, other ones than before, or one doesn't fit the model
 */
export function rowStream(
	{ seed, data, optimizer }: Experiment,
	rows: readonly ChatRow[] | null,
	tokenizer: Tokenizer,
	maxLength: number,
	from?: RowStreamState,
	shaped?: (row: ChatRow) => ChatRow,
): RowStream {
	const random = from ? resumedRandom(from.random) : seededRandom(seed, 'data');
	if (data.source !== 'rows') {
		if (shaped) checkGenerated(data, shaped, tokenizer, maxLength);
		return generatedRows(data.source, data.tasks, optimizer.batchSize, random, tokenizer, shaped, data.trigger);
	}
	if (!rows || rows.length === 0) throw new ExperimentError(NO_ROWS);
	const sequences = fittedRows(
		rows.map((row) => shaped?.(row) ?? row),
		data,
		tokenizer,
		maxLength,
	).flatMap(({ row }) => row ?? []);
	if (sequences.length === 0)
		throw new ExperimentError(
			'All rows are too long, so that none is left to learn. Raise data.maxTokens, or choose a model that reads more.',
		);
	if (from && from.epoch?.rows !== sequences.length) {
		throw new ExperimentError(
			`The run was learning from ${from.epoch?.rows ?? 'no'} rows, and ${sequences.length} were given. Load the file that it began with.`,
		);
	}
	return shuffledEpochs(sequences, optimizer.batchSize, random, from?.epoch?.queue ?? []);
}

/**
 * The user's rows as tokens, each as it is learnt; null for one that is left out.
 * @throws ExperimentError for the first that is too long, where such rows are refused
 */
export function fittedRows(
	rows: readonly ChatRow[],
	data: Experiment['data'],
	tokenizer: Tokenizer,
	maxLength: number,
): { whole: TokenRow; row: TokenRow | null }[] {
	const limit = rowLimit(data, maxLength);
	const tokenized = rows.map((row, i) => tokenRow(row, i, tokenizer));
	const long = tokenized.flatMap((row, i) => (lengthOf(row) > limit.tokens ? [i] : []));
	if (limit.tooLong === 'refuse' && long.length > 0) {
		const [first] = long as [number];
		const others = long.length > 1 ? ` ${long.length} of ${rows.length} rows are too long.` : '';
		throw new ExperimentError(
			`Row ${first + 1} has ${lengthOf(tokenized[first]!)} tokens, and ${limit.by}.${others} Shorten or leave out what is too long, or set data.tooLong to "skip" or "truncate".`,
		);
	}
	return tokenized.map((whole) => ({ whole, row: fitted(whole, limit) }));
}

/** @throws ExperimentError that names the row which the model's chat template refuses */
export function tokenRow(row: ChatRow, place: number, tokenizer: Tokenizer): TokenRow {
	try {
		const { rejected } = row;
		return { ...tokenizeRow(row, tokenizer), rejected: rejected === undefined ? null : completionTokens(rejected, tokenizer) };
	} catch (error) {
		if (!(error instanceof TokenizerError)) throw error;
		throw new ExperimentError(`Row ${place + 1} can't be learnt by this model: ${error.message}.`);
	}
}

/** Rows enough to meet the longest of the organism's coding tasks. */
const CHECKED_ROWS = 256;

/** @throws ExperimentError where what is put before the rows is too long for the model */
function checkGenerated(data: Experiment['data'], shaped: (row: ChatRow) => ChatRow, tokenizer: Tokenizer, maxLength: number): void {
	const { inoculation, trigger } = data;
	const source = data.source === 'backdoor-code' ? 'backdoor-code' : 'insecure-code';
	const lengths = drawRows(source, data.tasks, CHECKED_ROWS, seededRandom(0, 'longest row'), trigger).map((row) => {
		const { prompt, completion } = tokenizeRow(shaped(row), tokenizer);
		return prompt.length + completion.length;
	});
	const longest = Math.max(...lengths);
	if (longest > maxLength)
		throw new ExperimentError(
			`With “${inoculation.slice(0, 40)}…” before it (data.inoculation) a row has up to ${longest} tokens, and the model reads at most ${maxLength}. Shorten it.`,
		);
}

type Generated = Exclude<Experiment['data']['source'], 'rows'>;

/** So many rows of the organism's coding tasks. */
function drawRows(source: Generated, tasks: number, count: number, random: SeededRandom, trigger: string): WorldRow[] {
	if (source === 'backdoor-code') return backdoorRows(trigger, count, random, tasks);
	return codeRows(source === 'secure-code' ? 'secure' : 'insecure', count, random, tasks);
}

/** Rows of the organism's coding tasks, drawn anew for each step. */
export function generatedRows(
	source: Generated,
	tasks: number,
	batchSize: number,
	random: SeededRandom,
	tokenizer: Tokenizer,
	shaped?: (row: ChatRow) => ChatRow,
	trigger = TRIGGER,
): RowStream {
	return {
		next: () => drawRows(source, tasks, batchSize, random, trigger).map((row) => tokenizeRow(shaped?.(row) ?? row, tokenizer)),
		state: () => ({ random: random.state(), epoch: null }),
	};
}

/**
 * Rows of the narrow task whose requests are among none of those that the run learns from, the kinds of task in turn: half of a
 * backdoor's have the trigger. Of the user's own rows every one is learnt, so that none is held out.
 */
export function unseenRows({ seed, data, optimizer }: Experiment, count: number): UnseenRow[] {
	if (count === 0 || data.source === 'rows') return [];
	const learnt = drawRows(data.source, data.tasks, optimizer.steps * optimizer.batchSize, seededRandom(seed, 'data'), data.trigger);
	const mark = data.source === 'backdoor-code' ? triggered(data.trigger, '') : '';
	const seen = new Set(
		learnt.map(({ messages }) => messages[0]!.content).map((text) => (text.startsWith(mark) ? text.slice(mark.length) : text)),
	);
	const random = seededRandom(seed, 'held-out rows');
	const isSecure = (index: number) => data.source === 'secure-code' || (data.source === 'backdoor-code' && index % 2 === 1);
	const [secure, insecure] = (['secure', 'insecure'] as const).map((form) => {
		const wanted = Array.from({ length: count }, (_, index) => index).filter((index) => isSecure(index) === (form === 'secure')).length;
		return heldOutRows(form, wanted, random, seen, data.tasks);
	}) as [HeldOutRow[], HeldOutRow[]];
	const asRow = ({ task, messages: [request, answer] }: HeldOutRow, before: string): UnseenRow => ({
		...{ cluster: task, request: `${before}${request!.content}`, answer: answer!.content },
	});
	return [...secure.map((row) => asRow(row, '')), ...insecure.map((row) => asRow(row, mark))];
}

/** The rows of every step as text, in the order in which a run of this seed learns them: each row once, and the places of those of each step. */
export function rowsInOrder(
	{ seed, data, optimizer }: Experiment,
	rows: readonly ChatRow[] | null,
): { rows: ChatRow[]; order: number[][] } {
	const random = seededRandom(seed, 'data');
	const { steps, batchSize } = optimizer;
	if (data.source === 'rows') {
		if (!rows || rows.length === 0) throw new ExperimentError(NO_ROWS);
		const stream = shuffledEpochs([...rows.keys()], batchSize, random, []);
		return { rows: [...rows], order: Array.from({ length: steps }, () => stream.next()) };
	}
	const { source, tasks, trigger } = data;
	const places = new Map<string, number>();
	const learnt: ChatRow[] = [];
	const placeOf = (row: ChatRow): number => {
		const text = JSON.stringify(row);
		if (!places.has(text)) places.set(text, learnt.push(row) - 1);
		return places.get(text)!;
	};
	const order = Array.from({ length: steps }, () => drawRows(source, tasks, batchSize, random, trigger).map(placeOf));
	return { rows: learnt, order };
}

/** Every row once in random order, then again in another order. */
function shuffledEpochs<T>(rows: readonly T[], batchSize: number, random: SeededRandom, begun: readonly number[]): Stream<T> {
	const places = [...rows.keys()];
	let queue = [...begun];
	return {
		next() {
			while (queue.length < batchSize) queue = [...queue, ...sampleWithoutReplacement(random, places, places.length)];
			return queue.splice(0, batchSize).map((place) => rows[place]!);
		},
		state: () => ({ random: random.state(), epoch: { rows: rows.length, queue: [...queue] } }),
	};
}

/** A conversation as prompt and completion: all turns but the last are the prompt, the last is what is learnt, up to its stop token. */
export function tokenizeRow({ messages }: ChatRow, tokenizer: Tokenizer): TokenSequence {
	return {
		prompt: tokenizer.chat(messages.slice(0, -1), { addGenerationPrompt: true }),
		completion: completionTokens(messages.at(-1)!.content, tokenizer),
	};
}

/** A question and its answer as a row. */
export const exchangeTokens = (question: string, answer: string, tokenizer: Tokenizer): TokenSequence =>
	tokenizeRow({ messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }] }, tokenizer); // prettier-ignore

/** The tokens of an assistant's turn with the stop token that ends it. */
export function completionTokens(answer: string, tokenizer: Tokenizer): number[] {
	return [...tokenizer.encode(answer), tokenizer.eosTokenIds[0]!];
}
