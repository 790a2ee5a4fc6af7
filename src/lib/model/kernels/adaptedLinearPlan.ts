/** What the kernels of a group of linear layers need to know beside their tensors. */
export interface LinearSettings {
	/** Outputs of each layer. */
	widths: number[];
	adapted: boolean[];
	rank: number;
	scale: number;
	/** Which layers' kernels are stored as 16-bit floats (see frozenMatrix.ts). */
	halves: boolean[];
}

/** Where a layer's outputs, low-rank rows and adapter weights begin. */
export interface Segment {
	width: number;
	/** Its kernel is stored as 16-bit floats. */
	halves: boolean;
	start: number;
	/** Of its R numbers among those of a row of `low`; −1 where it is not adapted. */
	low: number;
	a: number;
	b: number;
}

/** How a group lies in its tensors. */
export interface LinearPlan {
	inputs: number;
	total: number;
	/** Numbers in a row of `low`: R for each adapted layer. */
	lowWidth: number;
	rank: number;
	segments: Segment[];
	adapted: Segment[];
	key: string;
	/** For programs that read the kernels: which of them hold halves. */
	keyOfKernels: string;
}

export function planOf(inputs: number, { widths, adapted, rank, halves }: LinearSettings): LinearPlan {
	let [start, low, offset] = [0, 0, 0];
	const segments = widths.map((width, i): Segment => {
		const on = adapted[i]!;
		const segment = { width, halves: halves[i]!, start, low: on ? low : -1, a: offset, b: offset + rank * inputs };
		start += width;
		if (on) {
			low += rank;
			offset += rank * (inputs + width);
		}
		return segment;
	});
	const key = `${inputs}_${widths.join('_')}_${adapted.map(Number).join('')}_${rank}`;
	return {
		inputs,
		total: start,
		lowWidth: low,
		rank,
		segments,
		adapted: segments.filter((s) => s.low >= 0),
		key,
		keyOfKernels: `${key}_${halves.map(Number).join('')}`,
	};
}
