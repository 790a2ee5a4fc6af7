/**
 * How a layer's vector is made of its states.
 *
 * - `mean-difference`: mean(towards) − mean(away), as in arXiv:2506.11618 and arXiv:2507.21509.
 * - `lat`: the first principal component of the pairs' differences (linear artificial tomography, arXiv:2310.01405).
 * - `random`: normal numbers; the control.
 */
export const READINGS = ['mean-difference', 'lat', 'random'] as const;
export type Reading = (typeof READINGS)[number];
