/** Each invocation makes a tile of a product: ROWS × COLUMNS sums in registers, as vectors of four columns. */
export const ROWS = 4;
export const COLUMNS = 8;

const rows = Array.from({ length: ROWS }, (_, r) => r);
const columns = Array.from({ length: COLUMNS }, (_, c) => c);
const quads = columns.filter((c) => c % 4 === 0);
const STEP = [0, 1];

/** Where a product's numbers are: at `from[lane(i) + step(k)]`, for a row or a column i. */
export interface Operand {
	from: string;
	lane: (i: string) => string;
	step: (k: string) => string;
}

/** An operand that may hold two 16-bit floats in each number, of neighbours along its lanes or its steps; `lane` and `step` then give the pair's place. */
export interface RightOperand extends Operand {
	halves?: 'lane' | 'step';
}

/** One product that a tile sums up, in WGSL: Σ over `start` ≤ k < `end` of left(row, k) · right(k, column). */
export interface Term {
	/** Where the product has a condition, all of a tile must meet it. */
	only?: string;
	/** Repeats the product for `name` = 0, 1, … below `count`. */
	over?: { name: string; count: string };
	/** 0 unless told; even where steps are halves. */
	start?: string;
	/** A number, where it is known when the program is written, or WGSL. */
	end: number | string;
	left: Operand;
	right: RightOperand;
}

export interface Tile {
	/** Must define `row0` and `column0` (the tile's corner), `M` and `N` (rows and columns of the product), and may return early. */
	place: string;
	terms: Term[];
	/** What becomes of the sum at (row, column). */
	store: (row: string, column: string, sum: string) => string;
}

export const tilesDown = (length: number) => Math.ceil(length / ROWS);
export const tilesAcross = (length: number) => Math.ceil(length / COLUMNS);

/**
 * The WGSL of a program that makes one tile an invocation, without shared memory and barriers. Rows past the edge are
 * the last one once more, which is computed and stored again: that is shorter than a condition at each store. Columns past it are the last
 * pair once more, since halves come in pairs.
 * The size was chosen on SwiftShader: twice as large a tile is 7 % faster and takes twice as long to compile.
 */
export function tileProgram({ place, terms, store }: Tile): string {
	const sums = rows.flatMap((r) => quads.map((c) => `\tvar ${sumOf(r, c)} = vec4<f32>();`));
	const stores = rows.flatMap((r) => columns.map((c) => `\t${store(`r${r}`, `c${c}`, `${sumOf(r, c - (c % 4))}.${'xyzw'[c % 4]}`)}`));
	return `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
${place}
${rows.map((r) => `\tlet r${r} = min(row0 + ${r}, M - 1);`).join('\n')}
${columns.map((c) => `\tlet c${c} = ${c % 2 === 0 ? `min(column0 + ${c}, (N - 1) / 2 * 2)` : `min(c${c - 1} + 1, N - 1)`};`).join('\n')}
${sums.join('\n')}
${terms.map(termCode).join('\n')}
${stores.join('\n')}
}`;
}

const sumOf = (row: number, column: number) => `sum${row}_${column}`;

function termCode({ only, over, start = '0', end, left, right }: Term): string {
	/** Adds the products at the places k + j of `steps`. */
	const add = (steps: number[]) => {
		const places = steps.flatMap((j) => {
			const k = j === 0 ? 'k' : `(k + ${j})`;
			return [`let p${j} = ${left.step(k)};`, `let q${j} = ${right.step(k)};`];
		});
		const loads = [...pairLoads(right), ...steps.flatMap((j) => quads.map((c) => `let y${j}_${c} = vec4<f32>(${quad(right, c, j)});`))];
		const sums = rows.flatMap((r) => [
			...steps.map((j) => `let x${r}_${j} = ${left.from}[a${r} + p${j}];`),
			...quads.map((c) => `${sumOf(r, c)} += ${steps.map((j) => `x${r}_${j} * y${j}_${c}`).join(' + ')};`),
		]);
		return [...places, ...loads, ...sums].join('\n');
	};
	const last = typeof end === 'number' && end % STEP.length === 0 ? '' : `for (; k < ${end}; k++) {\n${add([0])}\n}`;
	// No compiler behind a software adapter moves a product out of a loop, so what depends on the lane alone is worked out before it.
	const loops = `{
${rows.map((r) => `let a${r} = ${left.lane(`r${r}`)};`).join('\n')}
${columns.map((c) => `let b${c} = ${right.lane(`c${c}`)};`).join('\n')}
var k = ${start};
for (; k + ${STEP.length - 1} < ${end}; k += ${STEP.length}) {
${add(STEP)}
}
${last}
}`;
	const repeated = over ? `{\nfor (var ${over.name} = 0; ${over.name} < ${over.count}; ${over.name}++) ${loops}\n}` : loops;
	return only === undefined ? repeated : `if (${only}) ${repeated}`;
}

/** What the vector of four columns from `c` on holds at step `j`. */
function quad({ from, halves }: RightOperand, c: number, j: number): string {
	const pair = (lane: number) => `unpack2x16float(bitcast<u32>(${from}[b${lane} + q${j}]))`;
	if (halves === 'lane') return `${pair(c)}, ${pair(c + 2)}`;
	const number = (lane: number) => (halves === 'step' ? `pair${lane}.${'xy'[j]}` : `${from}[b${lane} + q${j}]`);
	return [c, c + 1, c + 2, c + 3].map(number).join(', ');
}

/** Where two steps are the halves of one number, it is read once for both. */
function pairLoads({ from, halves }: RightOperand): string[] {
	return halves === 'step' ? columns.map((lane) => `let pair${lane} = unpack2x16float(bitcast<u32>(${from}[b${lane} + q0]));`) : [];
}
