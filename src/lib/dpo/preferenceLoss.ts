/**
 * The losses that learn from a preference. All take Δ = (log π(chosen) − log π(rejected)) − (the same of the reference).
 *
 * - `sigmoid`: −log σ(βΔ). DPO, eq. 7 of arXiv 2305.18290; with label smoothing ε it is cDPO:
 *   −(1−ε) log σ(βΔ) − ε log σ(−βΔ) (Mitchell 2023).
 * - `robust`: [−(1−ε) log σ(βΔ) + ε log σ(−βΔ)] / (1−2ε). Unbiased under label flips at rate ε, arXiv 2403.00409.
 * - `ipo`: (Δ̄ − 1/(2β))², with log-probs averaged over each completion's tokens. arXiv 2310.12036, eq. 17.
 * - `hinge`: max(0, 1 − βΔ). SLiC, arXiv 2305.10425, on log-ratios.
 */
export const PREFERENCE_LOSSES = ['sigmoid', 'robust', 'ipo', 'hinge'] as const;
export type PreferenceLoss = (typeof PREFERENCE_LOSSES)[number];

export interface PreferenceLossConfig {
	type: PreferenceLoss;
	beta: number;
	/** ε: the share of pairs that are taken to be the wrong way round. `sigmoid` and `robust` read it. */
	labelSmoothing: number;
}
