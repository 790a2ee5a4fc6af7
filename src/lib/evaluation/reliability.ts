import { clusteredProportion, type Proportion } from './proportion';

/** What somebody holds for so probable, and whether it was so. */
export interface Forecast {
	/** The question: answers to it resemble one another. */
	cluster: string;
	probability: number;
	isTrue: boolean;
}

/** Forecasts of one range of probability, (from, to], and how often they were right, with an interval over the clusters in it. */
export interface ReliabilityBin {
	from: number;
	to: number;
	/** Mean of the probabilities in it. */
	probability: number;
	observed: Proportion;
}

export interface Reliability {
	/** Those that hold a forecast, from the least probable on. */
	bins: ReliabilityBin[];
	/** Expected calibration error, Σ_b n_b/N · |mean probability_b − observed_b|; null without forecasts. */
	ece: number | null;
}

/** Whoever says 70 % should be right in seven of ten such cases: forecasts in `count` equal ranges against what was true (Guo et al., 2017). */
export function reliabilityOf(forecasts: readonly Forecast[], count = 10): Reliability {
	const bins = Array.from({ length: count }, (_, i): ReliabilityBin[] => {
		const own = forecasts.filter(({ probability }) => Math.max(0, Math.ceil(probability * count) - 1) === i);
		if (own.length === 0) return [];
		const probability = own.reduce((sum, forecast) => sum + forecast.probability, 0) / own.length;
		const observed = clusteredProportion(own.map(({ cluster, isTrue }) => ({ cluster, value: Number(isTrue) })));
		return [{ from: i / count, to: (i + 1) / count, probability, observed }];
	}).flat();
	const error = bins.reduce((sum, { probability, observed }) => sum + observed.of * Math.abs(probability - observed.share!), 0);
	return { bins, ece: forecasts.length === 0 ? null : error / forecasts.length };
}
