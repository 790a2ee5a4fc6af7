import type { ChatRow } from '../rows';
import { type Experiment, ExperimentError } from '../schema';

import * as EACH from './each';
import type { ArmId } from './index';
import type { Method } from './method';

/** What every method does, by its id: the page that opens knows no more of them than index.ts says. */
export const METHODS: Readonly<Record<ArmId, Method>> = EACH;

/** The experiment as the copy `arm` runs it. */
export const experimentOf = (arm: ArmId, experiment: Experiment): Experiment => METHODS[arm].variant?.(experiment) ?? experiment;

/** @throws ExperimentError where the copy `arm` can't run the experiment */
export function checkMethod(arm: ArmId, experiment: Experiment): void {
	const why = METHODS[arm].refuses?.(experiment);
	if (why) throw new ExperimentError(why);
}

/** What the method makes of a row; undefined where it leaves rows as they are. */
export function rowShaper(arm: ArmId, experiment: Experiment): ((row: ChatRow) => ChatRow) | undefined {
	const { row: shape } = METHODS[arm];
	return shape && ((row) => shape(row, experiment));
}
