/** Rows of a long list of which only those in view are drawn. All lengths are in px. */

/** Where each of `count` rows begins; the last entry is where the list ends. */
export function rowTops(count: number, heightOf: (index: number) => number): Float64Array {
	const tops = new Float64Array(count + 1);
	for (let i = 0; i < count; i++) tops[i + 1] = tops[i]! + heightOf(i);
	return tops;
}

/** The row at a height; the first or last one beyond the ends. */
export function rowAt(tops: Float64Array, y: number): number {
	let [low, high] = [0, Math.max(0, tops.length - 2)];
	while (low < high) {
		const middle = Math.ceil((low + high) / 2);
		if (tops[middle]! <= y) low = middle;
		else high = middle - 1;
	}
	return low;
}

/** The rows that a viewport shows, and as far beyond it as `margin` on either side: from `first` to before `end`. */
export function rowsInView(tops: Float64Array, scrollTop: number, viewport: number, margin: number): { first: number; end: number } {
	const count = tops.length - 1;
	if (count === 0) return { first: 0, end: 0 };
	return { first: rowAt(tops, scrollTop - margin), end: rowAt(tops, scrollTop + viewport + margin) + 1 };
}

/** Where to scroll so that a row is seen, as little as can be; of a row that is taller than the viewport its beginning is seen. */
export function scrollToShow(tops: Float64Array, row: number, scrollTop: number, viewport: number): number {
	const [top, bottom] = [tops[row]!, tops[row + 1]!];
	if (top < scrollTop) return top;
	return bottom > scrollTop + viewport ? Math.min(top, bottom - viewport) : scrollTop;
}

/** The row to which a key leads from another; null for a key that means nothing here. */
export function rowAfterKey(key: string, row: number, count: number): number | null {
	const to = { ArrowDown: row + 1, PageDown: row + 1, ArrowUp: row - 1, PageUp: row - 1, Home: 0, End: count - 1 }[key];
	return to === undefined ? null : Math.min(count - 1, Math.max(0, to));
}
