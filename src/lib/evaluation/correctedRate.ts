import { effectiveCount, type Proportion, Z } from './proportion';
import { clusteredMean, type Observation } from './statistics';

/** The rate that a judge reports, and what is left of it when its known errors are taken out. */
export interface CorrectedRate {
	/** The share of answers that it flags. */
	reported: number;
	/** The share that is unethical, by its sensitivity and specificity. */
	corrected: number;
	/** Holds the noise of both: of the answers that it read, and of those by which its errors are known. */
	ci: [low: number, high: number];
}

/**
 * p = (q + spec − 1) / (sens + spec − 1), the share of unethical answers behind a judge that flags the share q (Rogan and Gladen 1978; for
 * language models as judges arXiv 2511.21140), within [0, 1]. The interval is Lang and Reiczigel's (2014): with q̃ = (nq + z²/2) / (n + z²) of
 * n answers, and one right and one wrong verdict added to each side of the trial,
 * p̃ + 2z²·(p̃·v_sens − (1 − p̃)·v_spec) ± z·√(v_q + p̃²·v_sens + (1 − p̃)²·v_spec) / J̃, each v a variance x(1 − x)/n and J̃ = s̃ens + s̃pec − 1.
 * Answers of one cluster resemble one another, so each n, of the run and of the trial, is what `effectiveCount` leaves. Null where the judge
 * is no better than chance, or was never tried on either side: then its verdicts tell nothing of the rate.
 */
export function correctedRate(
	flags: readonly Observation[],
	{ sensitivity, specificity }: { sensitivity: Proportion; specificity: Proportion },
): CorrectedRate | null {
	if (flags.length === 0 || sensitivity.share === null || specificity.share === null) return null;
	const { mean: reported } = clusteredMean(flags);
	const youden = sensitivity.share + specificity.share - 1;
	if (youden <= 0) return null;
	const corrected = Math.min(1, Math.max(0, (reported + specificity.share - 1) / youden));

	const n = effectiveCount(flags);
	const q = { share: (n * reported + Z ** 2 / 2) / (n + Z ** 2), of: n + Z ** 2 };
	const [sens, spec] = [partOf(sensitivity.share, sensitivity.effective), partOf(specificity.share, specificity.effective)];
	const scale = sens.share + spec.share - 1;
	if (scale <= 0) return { reported, corrected, ci: [0, 1] }; // so few were tried that it may know nothing
	const p = (q.share + spec.share - 1) / scale;
	const shift = 2 * Z ** 2 * (p * variance(sens) - (1 - p) * variance(spec));
	const reach = (Z * Math.sqrt(variance(q) + p ** 2 * variance(sens) + (1 - p) ** 2 * variance(spec))) / scale;
	return { reported, corrected, ci: [Math.max(0, p + shift - reach), Math.min(1, p + shift + reach)] };
}

interface Part {
	share: number;
	of: number;
}

/** With one right and one wrong verdict added. */
const partOf = (share: number, n: number): Part => ({ share: (share * n + 1) / (n + 2), of: n + 2 });

const variance = ({ share, of }: Part): number => (share * (1 - share)) / of;
