import { exponential, logarithm } from './exponential';
import { largest, loadPart, storePart, total } from './vectors';

/** Numbers that are added up before they join a sum: one by one, small ones would be lost beside a large sum. */
const RUN: i32 = 256;

/** The log of Σe^scores of a row, without overflow. */
function logOfSum(scores: usize, width: i32): f32 {
	let tops = f32x4.splat(load<f32>(scores));
	let i = 0;
	for (; i + 4 <= width; i += 4) tops = f32x4.max(tops, v128.load(scores + ((<usize>i) << 2)));
	let top = largest(tops);
	for (; i < width; i++) top = max(top, load<f32>(scores + ((<usize>i) << 2)));
	const shift = f32x4.splat(top);
	let sum: f64 = 0;
	for (let start = 0; start < width; start += RUN) {
		let run = f32x4.splat(0);
		const end = min(start + RUN, width);
		i = start;
		for (; i + 4 <= end; i += 4) run = f32x4.add(run, exponential(f32x4.sub(v128.load(scores + ((<usize>i) << 2)), shift)));
		for (; i < end; i++) {
			const one = exponential(f32x4.sub(f32x4.splat(load<f32>(scores + ((<usize>i) << 2))), shift));
			run = f32x4.add(run, f32x4.mul(one, f32x4(1, 0, 0, 0)));
		}
		sum += <f64>total(run);
	}
	return <f32>(<f64>top + logarithm(sum));
}

/** For each row its label's log softmax, and the log of the sum that it was divided by: out [rows, 2]. */
export function pickedLogSoftmax(out: usize, scores: usize, labels: usize, rows: i32, width: i32): void {
	for (let row = 0; row < rows; row++) {
		const whole = logOfSum(scores, width);
		const label = load<i32>(labels + ((<usize>row) << 2));
		store<f32>(out, load<f32>(scores + ((<usize>label) << 2)) - whole);
		store<f32>(out, whole, 4);
		scores += (<usize>width) << 2;
		out += 8;
	}
}

/** d scores = dy·(one-hot(label) − softmax), from the `picked` of `pickedLogSoftmax`. */
export function pickedLogSoftmaxGradient(out: usize, scores: usize, labels: usize, picked: usize, dy: usize, rows: i32, width: i32): void {
	for (let row = 0; row < rows; row++) {
		const whole = f32x4.splat(load<f32>(picked, 4));
		const change = load<f32>(dy + ((<usize>row) << 2));
		const factor = f32x4.splat(-change);
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			storePart(out + at, f32x4.mul(exponential(f32x4.sub(loadPart(scores + at, width - i), whole)), factor), width - i);
		}
		const label = out + ((<usize>load<i32>(labels + ((<usize>row) << 2))) << 2);
		store<f32>(label, load<f32>(label) + change);
		scores += (<usize>width) << 2;
		out += (<usize>width) << 2;
		picked += 8;
	}
}
