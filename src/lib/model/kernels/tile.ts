import type { Precision } from '../halfPrecision';

/** Each invocation makes a tile of a product: ROWS × COLUMNS sums in registers, as vectors of four columns. */
export const ROWS = 4;
export const COLUMNS = 8;

const rows = Array.from({ length: ROWS }, (_, r) => r);
const columns = Array.from({ length: COLUMNS }, (_, c) => c);
const quads = columns.filter((c) => c % 4 === 0);

/** Where a product's numbers are: at `from[lane(i) + step(k)]`, for a row or a column i. */
export interface Operand {
	from: string;
	lane: (i: string) => string;
	step: (k: string) => string;
}

/** An operand that may be a frozen matrix with several numbers in each that is stored, neighbours along its lanes or its steps; `lane` and `step` then give the place of those. */
export interface RightOperand extends Operand {
	storage?: Precision;
	along?: 'lane' | 'step';
	/** Of 8-bit integers: what the numbers of a lane or a step are multiplied by. */
	largest?: (index: string) => string;
}

/** One product that a tile sums up, in WGSL: Σ over `start` ≤ k < `end` of left(row, k) · right(k, column). One of 8-bit integers along lanes is the first of its tile. */
export interface Term {
	/** Where the product has a condition, all of a tile must meet it. */
	only?: string;
	/** Repeats the product for `name` = 0, 1, … below `count`. */
	over?: { name: string; count: string };
	/** 0 unless told; a multiple of the steps that are stored together. */
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
 * four once more, or of these the last pair: so they come in frozen matrices, where two or four numbers are stored together.
 * The size was chosen on SwiftShader: twice as large a tile is 7 % faster and takes twice as long to compile.
 */
export function tileProgram({ place, terms, store }: Tile): string {
	const sums = rows.flatMap((r) => quads.map((c) => `\tvar ${sumOf(r, c)} = vec4<f32>();`));
	const stores = rows.flatMap((r) => columns.map((c) => `\t${store(`r${r}`, `c${c}`, `${sumOf(r, c - (c % 4))}.${'xyzw'[c % 4]}`)}`));
	return `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
${place}
${rows.map((r) => `\tlet r${r} = min(row0 + ${r}, M - 1);`).join('\n')}
${columns.map((c) => `\tlet c${c} = ${columnAt(c)};`).join('\n')}
${sums.join('\n')}
${terms.map(termCode).join('\n')}
${stores.join('\n')}
}`;
}

/** The column of a tile's number c; no more than the last one. */
function columnAt(c: number): string {
	if (c % 4 === 0) return `min(column0 + ${c}, (N - 1) / 4 * 4)`;
	return c % 2 === 0 ? `min(c${c - 2} + 2, (N - 1) / 2 * 2)` : `min(c${c - 1} + 1, N - 1)`;
}

const sumOf = (row: number, column: number) => `sum${row}_${column}`;

function termCode({ only, over, start = '0', end, left, right }: Term): string {
	const isBytes = right.storage === 'int8';
	const together = isBytes && right.along === 'step' ? [0, 1, 2, 3] : [0, 1];
	/** Adds the products at the places k + j of `steps`. */
	const add = (steps: number[]) => {
		const at = (j: number) => (j === 0 ? 'k' : `(k + ${j})`);
		const places = steps.flatMap((j) => [`let p${j} = ${left.step(at(j))};`, `let q${j} = ${right.step(at(j))};`]);
		const component = (j: number) => (steps.length > 1 ? `.${'xyzw'[j]}` : isBytes ? '[k % 4]' : '.x'); // pairs end at an even step
		const loads = [
			...packLoads(right),
			...steps.flatMap((j) => quads.map((c) => `let y${j}_${c} = vec4<f32>(${quad(right, c, j, component(j))});`)),
		];
		const scales = isBytes && right.along === 'step' ? steps.map((j) => `let z${j} = ${right.largest!(at(j))};`) : [];
		const scaled = (j: number) => (scales.length > 0 ? ` * z${j}` : '');
		const sums = rows.flatMap((r) => [
			...steps.map((j) => `let x${r}_${j} = ${left.from}[a${r} + p${j}]${scaled(j)};`),
			...quads.map((c) => `${sumOf(r, c)} += ${steps.map((j) => `x${r}_${j} * y${j}_${c}`).join(' + ')};`),
		]);
		return [...places, ...loads, ...scales, ...sums].join('\n');
	};
	const last = typeof end === 'number' && end % together.length === 0 ? '' : `for (; k < ${end}; k++) {\n${add([0])}\n}`;
	// No compiler behind a software adapter moves a product out of a loop, so what depends on the lane alone is worked out before it.
	const loops = `{
${rows.map((r) => `let a${r} = ${left.lane(`r${r}`)};`).join('\n')}
${columns.map((c) => `let b${c} = ${right.lane(`c${c}`)};`).join('\n')}
var k = ${start};
for (; k + ${together.length - 1} < ${end}; k += ${together.length}) {
${add(together)}
}
${last}
${isBytes && right.along === 'lane' ? scaleSums(right) : ''}
}`;
	const repeated = over ? `{\nfor (var ${over.name} = 0; ${over.name} < ${over.count}; ${over.name}++) ${loops}\n}` : loops;
	return only === undefined ? repeated : `if (${only}) ${repeated}`;
}

/** The sums so far, of columns of 8-bit integers, times what those stand for. */
const scaleSums = ({ largest }: RightOperand): string =>
	quads
		.flatMap((c) => {
			const scale = `let z${c} = vec4<f32>(${[c, c + 1, c + 2, c + 3].map((lane) => largest!(`c${lane}`)).join(', ')});`;
			return [scale, ...rows.map((r) => `${sumOf(r, c)} *= z${c};`)];
		})
		.join('\n');

/** What the vector of four columns from `c` on holds at step `j`. */
function quad({ from, storage, along }: RightOperand, c: number, j: number, component: string): string {
	const pack = (lane: number, as: 'f16' | 'int8') => unpacked(as, `${from}[b${lane} + q${j}]`);
	if (storage === 'int8' && along === 'lane') return pack(c, storage);
	if (storage === 'f16' && along === 'lane') return `${pack(c, storage)}, ${pack(c + 2, storage)}`;
	const number = (lane: number) => (isPacked(storage) ? `pack${lane}${component}` : `${from}[b${lane} + q${j}]`);
	return [c, c + 1, c + 2, c + 3].map(number).join(', ');
}

/** Where several steps are stored together, they are read once for all. */
function packLoads({ from, storage, along }: RightOperand): string[] {
	if (!isPacked(storage) || along !== 'step') return [];
	return columns.map((lane) => `let pack${lane} = ${unpacked(storage, `${from}[b${lane} + q0]`)};`);
}

const isPacked = (storage: Precision | undefined): storage is 'f16' | 'int8' => storage === 'f16' || storage === 'int8';
const unpacked = (storage: 'f16' | 'int8', number: string) =>
	`${storage === 'f16' ? 'unpack2x16float' : 'unpack4x8snorm'}(bitcast<u32>(${number}))`;
