/** What the methods of Constitutional AI have in common. */
import type { Experiment } from '../schema';

/** The step before which all questions are answered anew. */
export const rewriteAt = ({ conscience, optimizer }: Experiment): number => Math.floor(conscience.reviseAt * optimizer.steps);
