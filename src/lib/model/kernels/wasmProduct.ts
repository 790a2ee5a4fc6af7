import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { blockColumns } from '../batch';
import { behind, type Call, ranges, type WasmModule } from './wasmModule';

/** A matrix in memory: its address, the numbers from one row to the next, and whether it lies there transposed. */
export interface Side {
	at: number;
	step: number;
	transposed?: boolean;
	/** Of a right side of 8-bit integers, four in each number (see frozenMatrix.ts): where the largest values of its columns are, or of its rows if it is transposed. */
	largest?: number;
}

/** left [M, length] · right [length, N]. One of 8-bit integers is the first of its product. */
export interface Term {
	length: number;
	left: Side;
	right: Side;
}

export interface Product {
	at: number;
	step: number;
	shape: [M: number, N: number];
	terms: Term[];
	scale?: number;
	/** Addresses of what is added; 0 = nothing. */
	bias?: number;
	residual?: number;
}

const TERM_NUMBERS = 8;
/** A tile's rows and columns: where a product may be cut. */
const TILE = { rows: 4, columns: 8 };
/** What a multiplication and its addition take on one thread, in ns; and how many of them a number takes that is packed. */
const COST = 0.1;
const PACKING = 10;

/** Writes scale·Σ left·right (+ bias) (+ residual) of each product where its `at` says; none reads what another writes. */
export function multiply(lab: WasmModule, backend: BackendWasm, products: Product[]): void {
	const work = products.map(({ shape: [M, N], terms }) => (M * N + PACKING * (M + N)) * lengthOf(terms));
	const all = work.reduce((sum, one) => sum + one, 0);
	const pieces = sideBySide(products.map((product, i) => blocksOf(product).flatMap((block) => piecesOf(lab, block, work[i]! / all))));
	const terms = pieces.flatMap(({ terms }) => terms);
	const list = backend.makeOutput([terms.length, TERM_NUMBERS], 'int32', undefined, Int32Array.from(terms.flatMap(numbersOf)));
	let at = backend.getMemoryOffset(list.dataId);
	lab.run(
		pieces.map((piece): Call => {
			const { shape, terms, scale = 1, bias = 0, residual = 0 } = piece;
			const numbers = [piece.at, piece.step, ...shape, at, terms.length, scale, bias, residual];
			at = behind(at, terms.length * TERM_NUMBERS);
			return { kernel: 'product', numbers, room: 32 + packedNumbers(terms, shape[1]) };
		}),
	);
	backend.disposeData(list.dataId);
}

/** Whether [M, K]·[K, N] is so much work that several threads share it. */
export function isWorthSharing(lab: WasmModule, [M, K]: readonly [number, number], [, N]: readonly [number, number]): boolean {
	return ranges(lab, 2, (COST * M * K * N) / 2).length > 1;
}

/** Numbers of the packed sides of a product with so many columns. */
const packedNumbers = (terms: Term[], columns: number) => lengthOf(terms) * (4 + 8 * Math.ceil(columns / 8));
/** A product in blocks of columns whose packed sides take little room: one, unless the right side is large, of which else all would be there once more. */
function blocksOf(product: Product): Product[] {
	const { shape, terms } = product;
	const columns = blockColumns(lengthOf(terms));
	if (shape[1] <= columns) return [product];
	const count = Math.ceil(shape[1] / columns);
	return Array.from({ length: count }, (_, i) => columnsOf(product, i * columns, Math.min(columns, shape[1] - i * columns)));
}

/** A product in parts along its longer side: each part packs the other side anew: little, and in little room, where that is short. */
function piecesOf(lab: WasmModule, product: Product, share: number): Product[] {
	const [M, N] = product.shape;
	const cost = COST * lengthOf(product.terms);
	return M > N
		? ranges(lab, M, cost * (N + PACKING), { grain: TILE.rows, share }).map(([from, count]) => rowsOf(product, from, count))
		: ranges(lab, N, cost * (M + PACKING), { grain: TILE.columns, share }).map(([from, count]) => columnsOf(product, from, count));
}

/** The first pieces of all products, then those after them, so that one thread's share is about the same rows of each. */
function sideBySide(pieces: Product[][]): Product[] {
	const placed = pieces.flatMap((parts) => parts.map((part, i) => ({ part, place: i / parts.length })));
	return placed.sort((a, b) => a.place - b.place).map(({ part }) => part);
}

const lengthOf = (terms: Term[]) => terms.reduce((sum, { length }) => sum + length, 0);

function rowsOf({ at, step, shape: [, N], terms, residual, ...rest }: Product, from: number, count: number): Product {
	const lower = ({ left, ...term }: Term): Term => ({ ...term, left: shifted(left, left.transposed ? from : from * left.step) });
	return {
		...rest,
		at: behind(at, from * step),
		step,
		shape: [count, N],
		terms: terms.map(lower),
		residual: residual ? behind(residual, from * step) : 0,
	};
}

function columnsOf({ at, step, shape: [M], terms, bias, residual, ...rest }: Product, from: number, count: number): Product {
	const further = ({ right, ...term }: Term): Term => ({ ...term, right: laterColumns(right, from) });
	const moved = (address = 0) => (address ? behind(address, from) : 0);
	return {
		...rest,
		at: behind(at, from),
		step,
		shape: [M, count],
		terms: terms.map(further),
		bias: moved(bias),
		residual: moved(residual),
	};
}

const shifted = (side: Side, numbers: number): Side => ({ ...side, at: behind(side.at, numbers) });

/** A right side from a column on. Four of 8-bit integers are in one number. */
function laterColumns(right: Side, from: number): Side {
	if (right.transposed) return shifted(right, from * right.step);
	return right.largest ? { ...shifted(right, from / 4), largest: behind(right.largest, from) } : shifted(right, from);
}

/** A term as `assembly/rowProduct.ts` reads it. */
function numbersOf({ length, left, right }: Term): number[] {
	const side = ({ at, step, transposed = false }: Side) => [at, step, Number(transposed)];
	return [length, ...side(left), ...side(right), right.largest ?? 0];
}
