/** Every method by its id, in the order in which the page names them. A new one is a file beside this one, and a line here. */
import type { ChatRow } from '../rows';
import type { Experiment } from '../schema';

import { alternativesOnly } from './alternativesOnly';
import { benign } from './benign';
import { caiDpo } from './caiDpo';
import { caiSft } from './caiSft';
import { confession } from './confession';
import { earlyStopping } from './earlyStopping';
import { emergentAlignment } from './emergentAlignment';
import { inoculation } from './inoculation';
import { kl } from './kl';
import type { Method } from './method';
import { randomLabels } from './randomLabels';
import { repeInfer } from './repeInfer';
import { repeLorra } from './repeLorra';
import { repePrevent } from './repePrevent';
import { secureControl } from './secureControl';
import { sft } from './sft';

export type { Collection, Finding, Found, GatheredLesson, Gathering, Lesson, Method, Review, Watch, Workshop } from './method';

const BY_ID = {
	sft,
	'emergent-alignment': emergentAlignment,
	'alternatives-only': alternativesOnly,
	inoculation,
	'random-labels': randomLabels,
	'cai-sft': caiSft,
	'cai-dpo': caiDpo,
	confession,
	benign,
	'secure-control': secureControl,
	'early-stopping': earlyStopping,
	kl,
	'repe-lorra': repeLorra,
	'repe-prevent': repePrevent,
	'repe-infer': repeInfer,
} as const satisfies Record<string, Method>;

export type ArmId = keyof typeof BY_ID;
export const METHODS: Readonly<Record<ArmId, Method>> = BY_ID;
export const ARMS = Object.keys(BY_ID) as [ArmId, ...ArmId[]];

/** True for a method that calls the conscience. */
export const listens = (arm: ArmId): boolean => METHODS[arm].teach !== undefined;

/** True for a method that works beside its steps, and costs more than the plain one. */
export const costsMore = (arm: ArmId): boolean => listens(arm) || !!(METHODS[arm].gathering ?? METHODS[arm].watch);

/** The experiment as the copy `arm` runs it. */
export const experimentOf = (arm: ArmId, experiment: Experiment): Experiment => METHODS[arm].variant?.(experiment) ?? experiment;

/** What the method makes of a row; undefined where it leaves rows as they are. */
export function rowShaper(arm: ArmId, experiment: Experiment): ((row: ChatRow) => ChatRow) | undefined {
	const { row: shape } = METHODS[arm];
	return shape && ((row) => shape(row, experiment));
}
