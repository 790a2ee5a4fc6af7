import { exponential } from './exponential';
import { largest, loadPart, storePart, total } from './vectors';

/**
 * Draws a token for each row from softmax(scores · sharpness): the one in which `points` falls when the weights of the `V` tokens are laid end
 * to end. A row of `progress` holds two numbers, the second of which counts its tokens, and then those, with room for `room`; the row's `points`
 * lie in the same order. A row whose scores are not numbers gets −1. `scratch` holds `V` numbers.
 */
export function drawTokens(
	progress: usize,
	scores: usize,
	points: usize,
	rows: i32,
	V: i32,
	room: i32,
	sharpness: f32,
	scratch: usize,
): void {
	for (; rows > 0; rows--) {
		const written = load<i32>(progress, 4);
		const point = load<f32>(points + ((<usize>written) << 2));
		store<i32>(progress + ((<usize>(2 + written)) << 2), draw(scores, V, sharpness, point, scratch));
		store<i32>(progress, written + 1, 4);
		progress += (<usize>(2 + room)) << 2;
		points += (<usize>room) << 2;
		scores += (<usize>V) << 2;
	}
}

/** The token of one row, or −1. */
function draw(scores: usize, V: i32, sharpness: f32, point: f32, scratch: usize): i32 {
	let tops = f32x4.splat(load<f32>(scores));
	let faults = f32x4.ne(tops, tops);
	let i = 0;
	for (; i + 4 <= V; i += 4) {
		const score = v128.load(scores + ((<usize>i) << 2));
		faults = v128.or(faults, f32x4.ne(score, score));
		tops = f32x4.pmax(tops, score);
	}
	let top = largest(tops);
	for (; i < V; i++) {
		const score = load<f32>(scores + ((<usize>i) << 2));
		if (score != score) return -1;
		top = max(top, score);
	}
	if (v128.any_true(faults)) return -1;

	let sums = f32x4.splat(0);
	const highest = f32x4.splat(top);
	const factor = f32x4.splat(sharpness);
	for (i = 0; i < V; i += 4) {
		const at = (<usize>i) << 2;
		const left = V - i;
		const power = f32x4.mul(f32x4.sub(loadPart(scores + at, left), highest), factor);
		// what is no more than e⁻⁸⁷ is nothing, and so is what is behind the last token
		let weights = v128.and(exponential(power), f32x4.gt(power, f32x4.splat(-87)));
		if (left < 4) weights = v128.and(weights, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left)));
		storePart(scratch + at, weights, left);
		sums = f32x4.add(sums, weights);
	}
	const goal = <f64>point * <f64>total(sums);
	let end: f64 = 0;
	let token = 0;
	for (i = 0; i < V; i++) {
		const weight = load<f32>(scratch + ((<usize>i) << 2));
		if (weight == 0) continue;
		token = i; // of the last one, where rounding put the point at the very end
		end += <f64>weight;
		if (goal < end) break;
	}
	return token;
}
