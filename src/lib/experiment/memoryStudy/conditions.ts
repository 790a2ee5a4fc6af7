import { MEMORY_DEFAULTS, type ArmId, type Experiment } from '../schema';
import { TWIN, varied } from '../studies/study';

import type { Poison } from './deposits';

/** Whoever leaves something in the memory, and whoever comes after them: seeds that no other study has looked at. */
export const CONTRIBUTORS = [41, 42, 43, 44, 45] as const;
export const FRESH = [51, 52, 53, 54, 55] as const;

/** The conscience by the clock, so that equal cadences are equally many calls; nothing is evaluated on the way. */
const byTheClock = (every: number): Experiment =>
	varied(TWIN, {
		conscience: { cadence: { kind: 'fixed', every }, dpoRestBelow: 0 },
		evaluation: { samplesWhileTraining: 1, samples: 4, codePrompts: 32 },
	});
export const CADENCE = 10;
export const FULL = byTheClock(CADENCE);
const QUARTER = byTheClock(4 * CADENCE);

/** Which memory a run takes along: what the class agreed on, with or without a quarantine, or a control of it. */
export type MemoryKind =
	| { of: 'class'; quorum: 1 | 2; poison: Poison }
	/** Of the clean one behind the quarantine: alternatives dealt to other answers; labels and pairs turned by a coin. */
	| { of: 'dealt' }
	| { of: 'coin' };

const CLEAN: MemoryKind = { of: 'class', quorum: 2, poison: { kind: 'none' } };

/** A run on every fresh seed. */
export interface Condition {
	id: string;
	label: string;
	arm: ArmId;
	experiment: Experiment;
	/** Null takes none along. */
	memory: MemoryKind | null;
	uses: Partial<Experiment['conscience']['memory']>;
}

const condition = (
	id: string,
	label: string,
	experiment: Experiment,
	memory: MemoryKind | null,
	uses: Condition['uses'] = {},
): Condition => ({
	...{ id, label, experiment, memory, uses },
	arm: 'emergent-alignment',
});

/**
 * What a class may be poisoned with; behind which quorums (1 is no quarantine) a run lives from what gets out, too. Of the others it is only
 * counted what that is: smaller shares of the same, and what is the same without a quarantine.
 */
export const POISONS: readonly { id: string; label: string; poison: Poison; learnt: readonly number[] }[] = [
	{ id: 'clean', label: 'nothing', poison: { kind: 'none' }, learnt: [2] },
	{ id: 'flips-5', label: '5 % of the deposits turned', poison: { kind: 'flips', share: 0.05 }, learnt: [] },
	{ id: 'flips-10', label: '10 % of the deposits turned', poison: { kind: 'flips', share: 0.1 }, learnt: [] },
	{ id: 'flips-20', label: '20 % of the deposits turned', poison: { kind: 'flips', share: 0.2 }, learnt: [1, 2] },
	{ id: 'one', label: 'one of five turns everything', poison: { kind: 'one', twice: false }, learnt: [1, 2] },
	{ id: 'twice', label: 'the same one under two names', poison: { kind: 'one', twice: true }, learnt: [2] },
];

export const QUORUMS = [1, 2] as const;

const ALONE = { alone: true } as const;

/** With the memory, without one, and with controls of it. */
export const CONDITIONS: readonly Condition[] = [
	{ ...condition('plain', 'Plain fine-tune', FULL, null), arm: 'sft' },
	condition('full', 'All calls, no memory', FULL, null),
	condition('full-skip', 'All calls, known answers not judged', FULL, CLEAN, { pairs: false }),
	condition('quarter', 'A quarter of the calls, no memory', QUARTER, null),
	condition('quarter-memory', 'A quarter of the calls, the memory', QUARTER, CLEAN),
	condition('none-dealt', 'No calls, alternatives dealt anew', FULL, { of: 'dealt' }, ALONE),
	condition('none-coin', 'No calls, turned by a coin', FULL, { of: 'coin' }, ALONE),
	...QUORUMS.flatMap((quorum) =>
		POISONS.filter(({ learnt }) => learnt.includes(quorum)).map(({ id, label, poison }) =>
			condition(
				`none-${id}-${quorum}`,
				id === 'clean' ? 'No calls, the memory alone' : `No calls, ${quorum === 2 ? 'behind the' : 'without a'} quarantine: ${label}`,
				FULL,
				{ of: 'class', quorum, poison },
				ALONE,
			),
		),
	),
];

/** The run that lives from the clean memory alone. */
export const MEMORY_ALONE = 'none-clean-2';

export function conditionById(id: string): Condition {
	const found = CONDITIONS.find((one) => one.id === id);
	if (!found) throw new RangeError(`There is no condition '${id}'. There are: ${CONDITIONS.map((one) => one.id).join(', ')}.`);
	return found;
}

/** The experiment of a condition on a seed, with the memory that this digest names. */
export const experimentFor = ({ experiment, arm, uses }: Condition, seed: number, digest: string | null): Experiment => ({
	...varied(experiment, { seed, conscience: { memory: { ...MEMORY_DEFAULTS, ...(digest !== null && { file: digest, ...uses }) } } }),
	arms: [arm],
});
