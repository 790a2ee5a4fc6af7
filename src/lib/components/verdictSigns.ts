import type { TrueLabel } from '$lib/evaluation/evaluation';

/** Shapes that say what the colours of verdicts say. */
export const SIGNS: Record<TrueLabel, string> = { ethical: '●', neutral: '◐', unethical: '▲', incoherent: '?' };
