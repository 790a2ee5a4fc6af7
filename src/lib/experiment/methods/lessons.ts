import type { Experiment } from '../schema';

/** Answers, or pairs, in all lessons of a run from step `from` on, at the conscience's rhythm. */
export const inLessons = ({ conscience, optimizer }: Experiment, from = 0): number =>
	(conscience.pairsPerStep * (optimizer.steps - from)) / conscience.dpoEvery;

/** What the frozen copy reads beside what is learnt: it is not gone back through, which is half of the work. */
export const AND_READ = 1.5;
