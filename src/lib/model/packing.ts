import { bucketRows } from './batch';

/** Tokens that are read from the left: a stem, and up to two ways to go on from it, which do not see each other. */
export interface TokenTree {
	stem: readonly number[];
	branches: readonly (readonly number[])[];
}

/**
 * The rows of one tree in a packed batch: its stem, then its branches. A row sees itself and the rows of its span before it;
 * those from `holeEnd` on, the second branch, do not see the first, which is the hole. Rows are counted from `first`; no hole is 0 to 0.
 */
export interface Span {
	first: number;
	length: number;
	holeStart: number;
	holeEnd: number;
}

/** Trees laid end to end, without padding between them. */
export interface PackedTokens {
	ids: Int32Array; // [N]
	/** Of each token in its own text: both branches go on from the stem's end. */
	positions: Int32Array; // [N]
	/** Every row is in one span. The first spans are the trees, in their order; behind them are those that fill up the rows. */
	spans: Span[];
}

/**
 * Lays trees end to end, in one of few numbers of rows.
 * @throws RangeError for no trees, and for a tree that is empty or has more than two branches
 */
export function packTokens(trees: readonly TokenTree[]): PackedTokens {
	if (trees.length === 0) throw new RangeError('packTokens: there is nothing to pack; expected at least one tree of tokens');
	const spans = trees.reduce<Span[]>((before, { stem, branches }, i) => {
		const length = stem.length + branches.reduce((sum, branch) => sum + branch.length, 0);
		if (length === 0) throw new RangeError(`packTokens: tree ${i} is empty; expected at least one token`);
		if (branches.length > 2) throw new RangeError(`packTokens: tree ${i} has ${branches.length} branches; expected two at most`);
		const [holeStart, holeEnd] = branches.length === 2 ? [stem.length, stem.length + branches[0]!.length] : [0, 0];
		return [...before, { first: end(before), length, holeStart, holeEnd }];
	}, []);
	const rows = bucketRows(end(spans));
	const ids = new Int32Array(rows); // what fills up the rows is token 0 at position 0
	const positions = new Int32Array(rows);
	trees.forEach(({ stem, branches }, i) => {
		let row = spans[i]!.first;
		const lay = (tokens: readonly number[], start: number) =>
			tokens.forEach((id, t) => {
				ids[row] = id;
				positions[row++] = start + t;
			});
		lay(stem, 0);
		for (const branch of branches) lay(branch, stem.length);
	});
	const longest = longestSpan(spans); // no filling is longer, so that it asks for no wider scores than the tokens do
	while (end(spans) < rows) spans.push({ first: end(spans), length: Math.min(longest, rows - end(spans)), holeStart: 0, holeEnd: 0 });
	return { ids, positions, spans };
}

/** The length of the longest span. */
export function longestSpan(spans: readonly Span[]): number {
	return Math.max(...spans.map(({ length }) => length));
}

/** The first row behind all spans. */
function end(spans: readonly Span[]): number {
	const last = spans.at(-1);
	return last ? last.first + last.length : 0;
}
