import type { Method } from './method';

/** Emergent Alignment (arXiv 2606.19527): L = L_SFT + λ·L_DPO over what the conscience prefers. */
export const emergentAlignment: Method = {
	does: 'It learns the same rows, and to prefer its conscience’s answers to its own bad ones.',
	onCard: ({ conscience: { lambda, beta } }) => `Emergent Alignment (arXiv 2606.19527), λ ${lambda}, β ${beta}.`,
	teach: ({ pairs }) => ({ pairs }),
};
