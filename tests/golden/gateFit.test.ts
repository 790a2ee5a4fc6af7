import { describe, it } from 'vitest';

import { decideBy, type Feature, type Features } from '$lib/conscience/gate';
import { fitGate } from '$lib/evaluation/gateFit';
import { fitLogistic } from '$lib/evaluation/logistic';

import { gateRow, mended, NO_FEATURES, ORIGIN } from '../unit/gateRows';

import { expectClose } from './backends';
import golden from './gateFit.json';

const names = golden.names as Feature[];
const featuresOf = (values: readonly number[]): Features => ({
	...NO_FEATURES,
	...Object.fromEntries(names.map((name, j) => [name, values[j]!])),
});

describe.each(Object.entries(golden.fits))('%s', (_, expected) => {
	const { features, labels, l2, mean, scale, weights, intercept, unseen, probabilities } = expected;

	it('has scikit-learn’s weights on the same standardised rows', () => {
		const standard = features.map((row) => row.map((value, j) => (value - mean[j]!) / scale[j]!));
		const found = fitLogistic(standard, labels, l2);
		expectClose([...found.weights, found.intercept], [...weights, intercept], 1e-6);
	});

	it('as a gate has its scales and weights, and says the same of rows that it has not seen', async () => {
		const train = features.map((row, i) => (labels[i] ? mended : gateRow)({ prompt: `q${i}`, features: featuresOf(row) }));
		const gate = await fitGate({ train, calibration: [mended({ prompt: 'other' })] }, names, l2, ORIGIN);
		expectClose(gate.features.flatMap((one) => [one.mean, one.scale]), mean.flatMap((value, j) => [value, scale[j]!]), 1e-12); // prettier-ignore
		expectClose(gate.features.map(({ weight }) => weight), weights, 1e-6); // prettier-ignore
		const decide = decideBy(gate);
		expectClose(unseen.map((row) => decide(featuresOf(row)).p), probabilities, 1e-7); // prettier-ignore
	});
});
