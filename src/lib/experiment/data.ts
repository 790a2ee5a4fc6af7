import type { TokenSequence } from '$lib/dpo/sequences';
import { type RandomState, resumedRandom, sampleWithoutReplacement, type SeededRandom, seededRandom } from '$lib/model/random';
import type { Tokenizer } from '$lib/model/tokenizer';
import { codeRows } from '$world/index';

import type { ChatRow } from './rows';
import { type Experiment, ExperimentError } from './schema';

/** Gives the rows of each step in turn. */
export interface RowStream {
	next(): TokenSequence[];
	state(): RowStreamState;
}

/** Where a stream of rows stands. */
export interface RowStreamState {
	random: RandomState;
	/** Of rows that come in epochs: their number, and the places of those that this epoch has still to give. Null for rows made as they go. */
	epoch: { rows: number; queue: number[] } | null;
}

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
		return generatedRows(data.source, data.tasks, optimizer.batchSize, random, tokenizer, shaped);
	}
	if (!rows || rows.length === 0) {
		throw new ExperimentError(
			'The experiment learns from rows of your own, and none were given. Load a JSONL file, or choose another source of data.',
		);
	}
	const sequences = rows.map((row, i) => {
		const sequence = tokenizeRow(shaped?.(row) ?? row, tokenizer);
		const length = sequence.prompt.length + sequence.completion.length;
		if (length > maxLength) {
			throw new ExperimentError(
				`Row ${i + 1} has ${length} tokens, and the model reads at most ${maxLength}. Shorten the row or leave it out.`,
			);
		}
		return sequence;
	});
	if (from && from.epoch?.rows !== sequences.length) {
		throw new ExperimentError(
			`The run was learning from ${from.epoch?.rows ?? 'no'} rows, and ${sequences.length} were given. Load the file that it began with.`,
		);
	}
	return shuffledEpochs(sequences, optimizer.batchSize, random, from?.epoch?.queue ?? []);
}

/** Rows enough to meet the longest of the organism's coding tasks. */
const CHECKED_ROWS = 256;

/** @throws ExperimentError where what is put before the rows is too long for the model */
function checkGenerated(
	{ inoculation }: Experiment['data'],
	shaped: (row: ChatRow) => ChatRow,
	tokenizer: Tokenizer,
	maxLength: number,
): void {
	const lengths = codeRows('insecure', CHECKED_ROWS, seededRandom(0, 'longest row')).map((row) => {
		const { prompt, completion } = tokenizeRow(shaped(row), tokenizer);
		return prompt.length + completion.length;
	});
	const longest = Math.max(...lengths);
	if (longest > maxLength)
		throw new ExperimentError(
			`With “${inoculation.slice(0, 40)}…” before it (data.inoculation) a row has up to ${longest} tokens, and the model reads at most ${maxLength}. Shorten it.`,
		);
}

/** Rows of the organism's coding tasks, drawn anew for each step. */
export function generatedRows(
	source: 'insecure-code' | 'secure-code',
	tasks: number,
	batchSize: number,
	random: SeededRandom,
	tokenizer: Tokenizer,
	shaped?: (row: ChatRow) => ChatRow,
): RowStream {
	const form = source === 'insecure-code' ? 'insecure' : 'secure';
	return {
		next: () => codeRows(form, batchSize, random, tasks).map((row) => tokenizeRow(shaped?.(row) ?? row, tokenizer)),
		state: () => ({ random: random.state(), epoch: null }),
	};
}

/** Every row once in random order, then again in another order. */
function shuffledEpochs(sequences: readonly TokenSequence[], batchSize: number, random: SeededRandom, begun: readonly number[]): RowStream {
	const places = [...sequences.keys()];
	let queue = [...begun];
	return {
		next() {
			while (queue.length < batchSize) queue = [...queue, ...sampleWithoutReplacement(random, places, places.length)];
			return queue.splice(0, batchSize).map((place) => sequences[place]!);
		},
		state: () => ({ random: random.state(), epoch: { rows: sequences.length, queue: [...queue] } }),
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
