import * as v from 'valibot';

import { NOTHING_SETTLED } from '$lib/conscience/cadence';
import type { TrainerState } from '$lib/dpo/trainerState';
import type { Evaluation } from '$lib/evaluation/evaluation';

import type { ArmState } from './arms/index';
import type { RowStreamState } from './data';
import type { MidRunChange, Overhead } from './events';
import { areLive, changesBetween } from './live';
import { METHODS } from './methods/all';
import { listens, type Review } from './methods/index';
import { type ArmId, ARMS, type Experiment, ExperimentSchema, Framework } from './schema';

/** A run between two steps: all that it needs to go on as if it had never stopped. Plain data that can be cloned and stored. */
export interface RunSnapshot extends ArmState {
	version: 1;
	arm: ArmId;
	/** SHA-256 of the base weights under the adapter. */
	weights: string;
	/** As it stands now: a run takes changes over as it goes. */
	experiment: Experiment;
	/** What the next step takes over; null when nothing was changed since the last. */
	adjusted: Experiment | null;
	/** What it has taken over so far. */
	changes: MidRunChange[];
	/** As in `RunState`. The trainer has the steps that it did. */
	step: number;
	trainer: TrainerState;
	/** Of the rows that the run learns from now: those that misalign it first have a stream of their own. */
	rows: RowStreamState;
	overhead: Overhead;
	/** The evaluation at `step` has been done when this is of that step. */
	latest: Evaluation | null;
	finished: boolean;
}

/** A run can't go on from here: the snapshot is damaged, of another version of the lab, or of another run. */
export class SnapshotError extends Error {
	override name = 'SnapshotError';
}

const whole = v.pipe(v.number(), v.integer());
const tokens = v.array(whole);
const randomState = v.pipe(v.array(whole), v.length(4));
const pair = v.object({
	id: v.string(),
	prompt: tokens,
	chosen: tokens,
	rejected: tokens,
	reference: v.object({ chosen: v.number(), rejected: v.number() }),
});

const texts = v.array(v.string());
const callUnderWay = v.object({
	step: whole,
	due: whole,
	framework: Framework,
	drafts: v.object({
		questions: texts,
		answers: texts,
		ended: v.array(v.boolean()),
		seeds: tokens,
		tokens: v.object({ read: whole, written: whole }),
	}),
	seconds: v.number(),
	gated: v.optional(v.nullable(v.object({ passed: whole, savedTokens: whole })), null), // runs of before there was a gate
});

/** What a snapshot must hold to be gone on from. Records that are only passed on are not looked into. */
const Snapshot = v.object({
	version: v.literal(1),
	arm: v.picklist(ARMS),
	weights: v.string(),
	experiment: ExperimentSchema,
	adjusted: v.nullable(ExperimentSchema),
	changes: v.optional(v.array(v.custom<MidRunChange>(isRecord, 'is no record of a change')), []), // runs of before they were kept here
	step: whole,
	trainer: v.object({
		step: v.pipe(whole, v.minValue(0)),
		adapter: v.instance(Float32Array),
		firstMoments: v.instance(Float32Array),
		secondMoments: v.instance(Float32Array),
	}),
	rows: v.object({
		random: randomState,
		epoch: v.nullable(
			v.pipe(
				v.object({ rows: whole, queue: v.array(whole) }),
				v.check(({ rows, queue }) => queue.every((place) => place >= 0 && place < rows), 'names rows that there are not'),
			),
		),
	}),
	conscience: v.nullable(
		v.object({
			questions: randomState,
			replays: randomState,
			cadence: v.object({ interval: v.number(), nextCall: whole }),
			lessons: v.optional(v.object({ settled: whole, restUntil: whole }), NOTHING_SETTLED), // runs of before lessons could rest
			buffer: v.array(pair),
			reviews: v.optional(v.array(v.custom<Review>(isRecord, 'is no answer that was read')), []), // runs of before there was a method that keeps them
			calls: whole,
			underWay: v.optional(v.nullable(callUnderWay), null), // runs of before a call could last longer than a step
		}),
	),
	gathered: v.optional(
		v.nullable(
			v.object({
				draws: randomState,
				collection: v.nullable(
					v.object({
						pairs: v.array(pair),
						answers: v.array(v.object({ prompt: tokens, completion: tokens })),
						directions: v.exactOptional(v.array(v.nullable(v.instance(Float32Array)))),
					}),
				),
			}),
		),
		null,
	),
	watched: v.optional(
		v.nullable(
			v.object({
				alignments: v.array(v.number()),
				kept: v.nullable(v.object({ step: whole, adapter: v.array(v.instance(Float32Array)) })),
				stopped: v.boolean(),
			}),
		),
		null,
	),
	overhead: v.custom<Overhead>(isRecord, 'is no record of the cost'),
	latest: v.nullable(v.custom<Evaluation>((value) => isRecord(value) && 'rows' in value && 'alignment' in value, 'is no evaluation')),
	finished: v.boolean(),
});

/**
 * A snapshot from the store, checked against what it is to go on with.
 * @throws SnapshotError that says what doesn't fit, and what to do
 */
export function checkSnapshot(value: unknown, experiment: Experiment, arm: ArmId, weights: string): RunSnapshot {
	if (isRecord(value) && 'version' in value && value.version !== 1)
		throw cannotGoOn(`it was kept by another version of the lab (snapshot version ${JSON.stringify(value.version)}; this lab reads 1)`);
	const result = v.safeParse(Snapshot, value);
	if (!result.success) {
		const [issue] = result.issues;
		throw cannotGoOn(`what was kept of it is damaged (${v.getDotPath(issue) ?? 'the whole snapshot'}: ${issue.message})`);
	}
	const snapshot: RunSnapshot = result.output;
	const foreign = changesBetween(snapshot.experiment, experiment).filter((change) => !areLive([change]));
	if (foreign.length > 0) {
		const [{ path, from, to }] = foreign as [(typeof foreign)[number]];
		throw cannotGoOn(`it is of another experiment: ${path} was ${JSON.stringify(from)} and is ${JSON.stringify(to)}`);
	}
	if (snapshot.arm !== arm) throw cannotGoOn(`it is of the arm ${snapshot.arm}, not ${arm}`);
	const { gathering, watch } = METHODS[arm];
	const parts = [
		['conscience', listens(arm)],
		['gathered', gathering !== undefined],
		['watched', watch !== undefined],
	] as const;
	for (const [part, needed] of parts)
		if (needed === (snapshot[part] === null)) throw cannotGoOn(`what was kept of it is damaged (${part})`);
	if (snapshot.weights !== weights) {
		throw cannotGoOn(
			`it was trained on other weights of ${experiment.model.checkpoint} (SHA-256 ${short(snapshot.weights)}; here ${short(weights)})`,
		);
	}
	const { step } = snapshot;
	if (step < -experiment.model.misalignSteps || step > experiment.optimizer.steps)
		throw cannotGoOn(`what was kept of it is damaged (step ${step} of ${experiment.optimizer.steps})`);
	return snapshot;
}

/** The error with which a run says why it can't go on from a snapshot. */
export const cannotGoOn = (why: string) =>
	new SnapshotError(`The run can't go on from where it stopped: ${why}. What it has told is still there; run it again from step 0.`);

const short = (hash: string) => `${hash.slice(0, 8)}…`;

function isRecord(value: unknown): value is object {
	return typeof value === 'object' && value !== null;
}
