import { mean } from 'd3';

import type { ChangeNorm } from '$lib/model/changeNorms';
import type { Projection } from '$lib/model/config';

import type { InsidePoint } from './record.svelte';
import { inOrder, type Point } from './series';

/** How much an adapter changes one layer: all of it, and each projection that it adapts. */
export interface LayerChange {
	layer: number;
	all: number;
	projections: Partial<Record<Projection, number>>;
}

/** The size of several changes as one: the Frobenius norm of them side by side, √Σ ‖·‖². */
const together = (norms: readonly ChangeNorm[]): number => Math.hypot(...norms.map(({ norm }) => norm));

/** What was found of the adapter of this step, or of one before it where nothing was; for null what was found last. */
export function insideAt(points: readonly InsidePoint[], step: number | null): InsidePoint | null {
	if (step === null) return points.at(-1) ?? null;
	const before = points.filter((point) => point.step <= step);
	const newest = Math.max(...before.map((point) => point.step));
	return before.findLast((point) => point.step === newest) ?? null; // of two the final one
}

/** The changes of one moment, layer by layer. */
export function byLayer(norms: readonly ChangeNorm[]): LayerChange[] {
	const layers = [...new Set(norms.map(({ layer }) => layer))].sort((a, b) => a - b);
	return layers.map((layer) => {
		const own = norms.filter((norm) => norm.layer === layer);
		return { layer, all: together(own), projections: Object.fromEntries(own.map(({ projection, norm }) => [projection, norm])) };
	});
}

/** How the size of the change grew: of one layer, or of the whole adapter. */
export const changePoints = (points: readonly InsidePoint[], layer: number | null = null): Point[] =>
	inOrder(
		points.map(({ step, changeNorms }) => ({
			x: step,
			y: together(layer === null ? changeNorms : changeNorms.filter((norm) => norm.layer === layer)),
			band: null,
		})),
	);

/** The largest change of a single projection that any of these moments shows: what a colour is measured against. */
export const largestChange = (points: readonly InsidePoint[]): number =>
	Math.max(0, ...points.flatMap(({ changeNorms }) => changeNorms.map(({ norm }) => norm)));

/** The layers behind which answers were read, rising. */
export const layersOf = (points: readonly InsidePoint[]): readonly number[] => points.find(({ layers }) => layers.length > 0)?.layers ?? [];

/** Where the answers lay behind a layer, on average over all of their tokens, from evaluation to evaluation; nothing where none was read. */
export const answerPoints = (points: readonly InsidePoint[], layer: number): Point[] =>
	inOrder(
		points.flatMap(({ step, layers, answers }) => {
			const y = mean(answers.flatMap(({ positions }) => positions[layers.indexOf(layer)] ?? []));
			return y === undefined ? [] : [{ x: step, y, band: null }];
		}),
	);

/** The tokens of the answer to a question, and where each lay behind a layer; null where it was not read. */
export function tokensOf(point: InsidePoint | null, questionId: string, layer: number): { text: string; position: number }[] | null {
	const answer = point?.answers.find((one) => one.questionId === questionId);
	const positions = answer?.positions[point!.layers.indexOf(layer)];
	return answer && positions ? answer.tokens.map((text, i) => ({ text, position: positions[i] ?? 0 })) : null;
}
