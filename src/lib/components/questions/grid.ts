/** A place in a grid of cells. */
export interface Place {
	row: number;
	column: number;
}

/** Where a key leads in a grid of `rows` by `columns`; null for a key that means nothing here. */
export function placeAfterKey(key: string, { row, column }: Place, rows: number, columns: number): Place | null {
	const within = (at: number, size: number) => Math.min(size - 1, Math.max(0, at));
	switch (key) {
		case 'ArrowLeft':
			return { row, column: within(column - 1, columns) };
		case 'ArrowRight':
			return { row, column: within(column + 1, columns) };
		case 'ArrowUp':
			return { row: within(row - 1, rows), column };
		case 'ArrowDown':
			return { row: within(row + 1, rows), column };
		case 'Home':
			return { row, column: 0 };
		case 'End':
			return { row, column: columns - 1 };
		default:
			return null;
	}
}
