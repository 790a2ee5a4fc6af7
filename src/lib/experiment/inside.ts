import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { changeNorms } from '$lib/model/changeNorms';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { type Axis, readAxes, tokenPositions } from '$lib/model/tokenPositions';
import { contrasts } from '$world/index';

import type { Inside, ReadAnswer } from './events';

/** Pairs of answers that the axes are read from. */
const CONTRASTS = 32;
/** Answers whose tokens are read, each to another question, and layers in which they are read: what a page shows, and a record can hold. */
const ANSWERS = 6;
const LAYERS = 6;
/** Decimals of a position that are kept. */
const DIGITS = 3;

/** The layers that are looked into: the last one, and others so that the gaps between them are even. */
export function layersRead(count: number): number[] {
	const read = Math.min(count, LAYERS);
	return Array.from({ length: read }, (_, i) => Math.round(((i + 1) * count) / read) - 1);
}

/** The first answer to each of a few questions, the same at every evaluation; one without words has no tokens to read. */
export function answersRead(rows: readonly EvaluationRow[]): EvaluationRow[] {
	const firsts = rows.filter(({ sample }) => sample === 0);
	const read = Math.min(firsts.length, ANSWERS);
	return Array.from({ length: read }, (_, i) => firsts[Math.floor((i * firsts.length) / read)]!).filter(({ answer }) => answer !== '');
}

/** From the kind author's answers (−1) to the cruel one's (+1), in the frozen base: a line in each layer that is looked into. */
export function readAuthors({ model, tokenizer }: Checkpoint, seed: number): Promise<Axis[]> {
	const pairs = contrasts(CONTRASTS, seededRandom(seed, 'look inside')).map(({ question, kind, cruel }) => ({
		prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
		towards: tokenizer.encode(cruel),
		away: tokenizer.encode(kind),
	}));
	return readAxes(model, pairs, layersRead(model.config.numHiddenLayers));
}

/** What is inside of a copy as it is now: how much its adapter changes, and where the tokens of its answers lie between the two authors. */
export async function lookInside(
	{ model, tokenizer }: Checkpoint,
	lora: Lora,
	axes: readonly Axis[],
	rows: readonly EvaluationRow[],
): Promise<Inside> {
	const read = answersRead(rows).map(({ question, questionId, answer }) => ({
		questionId,
		prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
		answer: tokenizer.encode(answer),
	}));
	const positions = read.length > 0 ? await tokenPositions(model, lora, read, axes) : [];
	const answers = read.map(({ questionId, answer }, i): ReadAnswer => ({
		questionId,
		tokens: tokenizer.pieces(answer),
		positions: positions[i]!.map((layer) => layer.map((position) => Number(position.toFixed(DIGITS)))),
	}));
	return { changeNorms: await changeNorms(lora), layers: axes.map(({ layer }) => layer), answers };
}
