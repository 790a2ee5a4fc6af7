/** Weights of standardised features, and where the line begins. */
export interface Logistic {
	weights: number[];
	intercept: number;
	/** Newton steps that it took. */
	steps: number;
}

const MOST_STEPS = 100;
/** The largest part of the gradient at which the fit counts as found. */
const CONVERGED = 1e-9;

/**
 * L2-regularised logistic regression: min Σ log(1 + e^{−s·(x·w + b)}) + l2/2 · ‖w‖², s = ±1, the intercept b being left alone; by Newton's method
 * (iteratively reweighted least squares), a step halved for as long as it does not lead down. It is scikit-learn's with C = 1/l2.
 * @throws RangeError where rows and labels don't fit together, all labels are alike, or no minimum is found
 */
export function fitLogistic(rows: readonly (readonly number[])[], labels: readonly boolean[], l2: number): Logistic {
	if (rows.length !== labels.length) throw new RangeError(`fitLogistic: ${rows.length} rows came with ${labels.length} labels`);
	if (labels.every((label) => label === labels[0]))
		throw new RangeError(`fitLogistic: all ${rows.length} labels are the same, so there is nothing to tell apart; give rows of both kinds`);
	const D = rows[0]!.length;
	const ridge = (j: number) => (j < D ? l2 : 0); // the last parameter is the intercept
	const padded = rows.map((row) => [...row, 1]);
	let beta = Array<number>(D + 1).fill(0);
	for (let steps = 0; steps < MOST_STEPS; steps++) {
		const p = padded.map((row) => 1 / (1 + Math.exp(-dot(row, beta))));
		const gradient = beta.map((value, j) => padded.reduce((sum, row, i) => sum + (p[i]! - Number(labels[i])) * row[j]!, ridge(j) * value)); // prettier-ignore
		if (Math.max(...gradient.map(Math.abs)) < CONVERGED) return { weights: beta.slice(0, D), intercept: beta[D]!, steps };
		const hessian = beta.map((_, j) =>
			beta.map((_, k) => padded.reduce((sum, row, i) => sum + p[i]! * (1 - p[i]!) * row[j]! * row[k]!, j === k ? ridge(j) : 0)),
		);
		beta = downhill(beta, solve(hessian, gradient), (at) => loss(padded, labels, at, ridge));
	}
	throw new RangeError(`fitLogistic: no minimum was found in ${MOST_STEPS} steps; a larger l2 than ${l2} holds the weights together`);
}

/** beta − t · step with the first t of 1, ½, ¼ … that lowers the loss; at the bottom, where rounding decides, the whole step. */
function downhill(beta: readonly number[], step: readonly number[], lossAt: (beta: readonly number[]) => number): number[] {
	const from = lossAt(beta);
	const moved = (t: number) => beta.map((value, j) => value - t * step[j]!);
	for (let t = 1; t > 1e-6; t /= 2) if (lossAt(moved(t)) < from) return moved(t);
	return moved(1);
}

function loss(
	rows: readonly (readonly number[])[],
	labels: readonly boolean[],
	beta: readonly number[],
	ridge: (j: number) => number,
): number {
	const fit = rows.reduce((sum, row, i) => sum + softplus((labels[i] ? -1 : 1) * dot(row, beta)), 0);
	return fit + beta.reduce((sum, value, j) => sum + (ridge(j) / 2) * value ** 2, 0);
}

/** log(1 + e^x). */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, j) => sum + value * b[j]!, 0);

/** A⁻¹·b by Gaussian elimination with the largest pivot. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
	const rows = matrix.map((row, i) => [...row, right[i]!]);
	const N = rows.length;
	for (let column = 0; column < N; column++) {
		const pivot = rows.reduce(
			(best, row, i) => (i >= column && Math.abs(row[column]!) > Math.abs(rows[best]![column]!) ? i : best),
			column,
		);
		if (rows[pivot]![column] === 0) throw new RangeError('fitLogistic: two features say the same, and l2 is 0; leave one out, or raise l2');
		[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
		for (let i = column + 1; i < N; i++) {
			const factor = rows[i]![column]! / rows[column]![column]!;
			for (let k = column; k <= N; k++) rows[i]![k]! -= factor * rows[column]![k]!;
		}
	}
	const found = Array<number>(N).fill(0);
	for (let i = N - 1; i >= 0; i--)
		found[i] = (rows[i]![N]! - rows[i]!.reduce((sum, value, k) => (k > i && k < N ? sum + value * found[k]! : sum), 0)) / rows[i]![i]!;
	return found;
}
