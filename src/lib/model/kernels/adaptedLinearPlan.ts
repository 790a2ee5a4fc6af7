import type { Precision } from '../halfPrecision';

/** What the kernels of a group of linear layers need to know beside their tensors. */
export interface LinearSettings {
	inputs: number;
	/** Outputs of each layer. */
	widths: number[];
	/** R of each layer's change; 0 where it has none. */
	ranks: number[];
	/** s of each layer's change. */
	scales: number[];
	/** As what each layer's kernel is stored (see frozenMatrix.ts). */
	storages: Precision[];
}

/** Where a layer's outputs, low-rank rows and adapter weights begin. */
export interface Segment {
	width: number;
	/** As what its kernel is stored. */
	storage: Precision;
	start: number;
	/** Of its change; 0 where it is not adapted. */
	rank: number;
	scale: number;
	/** Of its R numbers among those of a row of `low`. */
	low: number;
	a: number;
	b: number;
}

/** How a group lies in its tensors. */
export interface LinearPlan {
	inputs: number;
	total: number;
	/** Numbers in a row of `low`: R of each adapted layer. */
	lowWidth: number;
	segments: Segment[];
	adapted: Segment[];
	key: string;
	/** For programs that read the kernels: what those are stored as. */
	keyOfKernels: string;
}

export function planOf({ inputs, widths, ranks, scales, storages }: LinearSettings): LinearPlan {
	let [start, low, offset] = [0, 0, 0];
	const segments = widths.map((width, i): Segment => {
		const rank = ranks[i]!;
		const segment = { width, storage: storages[i]!, start, rank, scale: scales[i]!, low, a: offset, b: offset + rank * inputs };
		start += width;
		low += rank;
		offset += rank * (inputs + width);
		return segment;
	});
	const key = `${inputs}_${widths.join('_')}_ranks_${ranks.join('_')}`;
	return {
		inputs,
		total: start,
		lowWidth: low,
		segments,
		adapted: segments.filter(({ rank }) => rank > 0),
		key,
		keyOfKernels: `${key}_${storages.join('_')}`,
	};
}
