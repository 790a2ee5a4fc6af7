import * as v from 'valibot';

import type { BackendReport } from '$lib/model/backend';
import { consciencePrompts, devQuestions } from '$world/index';

import { METHODS } from './methods/all';
import { listens } from './methods/index';
import { presetById } from './presets';
import type { ArmId, Experiment } from './schema';
import { type Work, wholeWork } from './workClock';

/** What is timed on each backend. */
export const SPEED_PARTS = ['matmul', 'copy', 'step', 'call', 'decode1', 'decode16'] as const;
export type SpeedPart = (typeof SPEED_PARTS)[number];

const Positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

const PartSpeed = v.object({
	part: v.picklist(SPEED_PARTS),
	/** In words: the shape of what was computed. */
	shape: v.string(),
	/** Floating-point operations of `matmul`, bytes of `copy`, tokens of a step and of decoding, questions of a call. */
	amount: Positive,
	/** The median, and the range, of the repetitions. */
	seconds: Positive,
	least: Positive,
	most: Positive,
	repetitions: Count,
	warmUps: Count,
	/** In words: larger shapes for which the time was too short. */
	leftOut: v.array(v.string()),
});

const BackendSpeed = v.object({
	backend: v.picklist(['webgpu', 'wasm', 'cpu']),
	adapter: v.nullable(v.string()),
	software: v.boolean(),
	/** Numbers in the model. */
	parameters: Positive,
	/** Tokens of a training row, and of a preference pair (both answers, each with its question), on average. */
	tokens: v.object({ row: Positive, pair: Positive }),
	/** In the order in which they were measured; a part for which there was no time is not there. */
	parts: v.array(PartSpeed),
	/** With loading and compiling. */
	seconds: Positive,
});

const SpeedReportSchema = v.object({
	version: v.literal(1),
	date: v.string(),
	/** What ran it: the browser as it names itself, or Node. */
	browser: v.string(),
	cores: v.nullable(Count),
	model: v.string(),
	backends: v.array(BackendSpeed),
	/** Backends that could not be measured, with the reason. */
	missing: v.array(v.object({ backend: v.picklist(['webgpu', 'wasm', 'cpu']), reason: v.string() })),
});

export type PartSpeed = v.InferOutput<typeof PartSpeed>;
export type BackendSpeed = v.InferOutput<typeof BackendSpeed>;
export type SpeedReport = v.InferOutput<typeof SpeedReportSchema>;

/** The model that is measured, by its name in an experiment. */
const MODEL = 'organism';

/** A report of today in which nothing is measured yet. */
export const emptyReport = (browser: string, cores: number | null): SpeedReport => ({
	...{ version: 1, date: new Date().toISOString(), browser, cores, model: MODEL },
	...{ backends: [], missing: [] },
});

/** A report that was kept, or null where `json` holds none that this version reads. */
export function parseSpeedReport(json: string | null): SpeedReport | null {
	if (json === null) return null;
	try {
		const result = v.safeParse(SpeedReportSchema, JSON.parse(json));
		return result.success ? result.output : null;
	} catch {
		return null;
	}
}

export const partOf = ({ parts }: BackendSpeed, part: SpeedPart): PartSpeed | null => parts.find((one) => one.part === part) ?? null;

/** Its amount a second; null where it was not measured. */
export function rateOf(speed: BackendSpeed, part: SpeedPart): number | null {
	const measured = partOf(speed, part);
	return measured && measured.amount / measured.seconds;
}

/**
 * Model FLOP utilisation: 4·N·tokens/s over the measured peak of the same backend. A step that trains an adapter reads each of the N
 * frozen numbers twice, forward (2·N operations a token) and backward (as many); their own gradients are not computed.
 */
export function flopUtilisation(speed: BackendSpeed): number | null {
	const [tokensPerSecond, peak] = [rateOf(speed, 'step'), rateOf(speed, 'matmul')];
	return tokensPerSecond !== null && peak !== null ? (4 * speed.parameters * tokensPerSecond) / peak : null;
}

/** How many times more tokens a second sixteen prompts get than one, at answers of one length. */
export function decodeGain(speed: BackendSpeed): number | null {
	const [many, one] = [rateOf(speed, 'decode16'), rateOf(speed, 'decode1')];
	const sameLength = partOf(speed, 'decode16')?.amount === 16 * (partOf(speed, 'decode1')?.amount ?? 0);
	return many !== null && one !== null && sameLength ? many / one : null;
}

/** Seconds that pieces of a run take: one optimizer step with what the method adds to it on average, and one answer of an evaluation. */
export interface Pace {
	step: number;
	/** Of `step`, what the conscience takes, or whatever a method has in its place. */
	conscience: number;
	answer: number;
}

/** How many steps lie between two calls of the conscience: an adaptive cadence halves and doubles, and is taken as the geometric middle of its range. */
const stepsBetweenCalls = ({ cadence }: Experiment['conscience']): number =>
	cadence.kind === 'fixed' ? cadence.every : Math.sqrt(cadence.shortest * cadence.longest);

/**
 * The pace of one copy of an experiment on a backend that was measured; null where its steps or its call were not. A call was measured at its
 * dearest, each answer with an alternative; it sampled and judged two answers for each question, which is the price of an evaluation's answer.
 */
export function paceOf(speed: BackendSpeed, experiment: Experiment, arm: ArmId): Pace | null {
	const { optimizer, conscience } = experiment;
	const [tokensPerSecond, questionsPerSecond] = [rateOf(speed, 'step'), rateOf(speed, 'call')];
	if (tokensPerSecond === null || questionsPerSecond === null) return null;
	const plain = (optimizer.batchSize * speed.tokens.row) / tokensPerSecond;
	const answer = 1 / questionsPerSecond / 2;
	if (!listens(arm)) {
		const apart = secondsApart(experiment, arm, answer, speed.tokens.pair / 2 / tokensPerSecond);
		return { step: plain + apart, conscience: apart, answer };
	}
	const pairs = conscience.lambda > 0 ? (conscience.pairsPerStep * speed.tokens.pair) / conscience.dpoEvery / tokensPerSecond : 0;
	const calls = conscience.promptsPerCall / questionsPerSecond / stepsBetweenCalls(conscience);
	return { step: plain + pairs + calls, conscience: pairs + calls, answer };
}

/** Seconds that a method without a conscience adds to a step on average, where an answer is sampled in `answer` seconds and learnt in `sequence`. */
function secondsApart(experiment: Experiment, arm: ArmId, answer: number, sequence: number): number {
	const { answers, sequences } = METHODS[arm].work?.(experiment, {
		conscience: consciencePrompts().length,
		development: devQuestions().length,
	}) ?? { answers: 0, sequences: 0 };
	return (answers * answer + sequences * sequence) / (experiment.optimizer.steps + experiment.model.misalignSteps);
}

/** What of a run takes how long, in seconds. */
export interface RunSeconds {
	training: number;
	conscience: number;
	evaluation: number;
	total: number;
}

/** A run of one copy from its beginning to its final evaluation. */
function runSeconds(pace: Pace, work: Record<Work, number>): RunSeconds {
	const [conscience, evaluation] = [work.step * pace.conscience, work.answer * pace.answer];
	const training = work.step * pace.step - conscience;
	return { training, conscience, evaluation, total: training + conscience + evaluation };
}

/**
 * Seconds until all copies of an experiment are done on the backend named; null where it was not measured in full, or on another model. Copies
 * on a GPU share it, and take as long as one after the other; on the processor each has a core of its own.
 */
export function expectedSeconds(
	report: SpeedReport,
	{ name, adapter }: Pick<BackendReport, 'name' | 'adapter'>,
	experiment: Experiment,
): number | null {
	const speed = report.backends.find((one) => one.backend === name && one.adapter === adapter);
	if (!speed || report.model !== experiment.model.checkpoint) return null;
	const work = wholeWork(experiment);
	const seconds = experiment.arms.map((arm) => {
		const pace = paceOf(speed, experiment, arm);
		return pace && runSeconds(pace, work).total;
	});
	const known = seconds.filter((one) => one !== null);
	if (known.length < seconds.length) return null;
	const inTurn = name === 'webgpu' || (report.cores !== null && report.cores < known.length);
	return inTurn ? known.reduce((sum, one) => sum + one, 0) : Math.max(...known);
}

/** Of a hundred steps of the twin story's copy with its conscience; null where the backend was not measured in full. */
export function hundredSteps(speed: BackendSpeed): RunSeconds | null {
	const { experiment } = presetById('twin');
	const pace = paceOf(speed, experiment, 'emergent-alignment');
	return pace && runSeconds(pace, wholeWork({ ...experiment, optimizer: { ...experiment.optimizer, steps: 100 } }));
}
