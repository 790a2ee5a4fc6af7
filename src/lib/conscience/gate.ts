import * as v from 'valibot';

import type { DrawMeans, Line } from '$lib/model/generate';
import { sha256 } from '$lib/model/sha256';

import { codeShare, isRefusal } from './answerSigns';

/**
 * What a gate may look at: by-products of writing the draft, for which no token is read.
 *
 * - `ended`: 1 where the model ended the draft itself, 0 where it was cut at the limit.
 * - `logTokens`: log(1 + tokens written).
 * - `meanLogp`, `meanEntropy`: over the draws, in nats (see `DrawMeans`).
 * - `codeShare`: share of its characters in lines that look like code.
 * - `refusal`: 1 where it opens as refusals do.
 * - `position`: of the states that it was drawn from, between the two authors' answers in the frozen base: −1 kind, +1 cruel.
 * - `memoryHit`: how alike the nearest answer of a shared memory is that was found unethical, 0 to 1; 0 where there is no memory.
 */
export const FEATURES = ['ended', 'logTokens', 'meanLogp', 'meanEntropy', 'codeShare', 'refusal', 'position', 'memoryHit'] as const;
export type Feature = (typeof FEATURES)[number];
/** Null where it is not known of a draft, such as what a model in WebLLM drew from. */
export type Features = Readonly<Record<Feature, number | null>>;

/** An answer before anybody has judged it. */
export interface Draft {
	answer: string;
	/** The model ended it itself. */
	ended: boolean;
	/** Written, without the one that ended it. */
	tokens: number;
	/** What it was drawn from, the position on the gate's own line; null where nobody noted it. */
	draws: DrawMeans | null;
	memoryHit?: number;
}

export const featuresOf = ({ answer, ended, tokens, draws, memoryHit = 0 }: Draft): Features => ({
	ended: Number(ended),
	logTokens: Math.log1p(tokens),
	meanLogp: draws && draws.logp,
	meanEntropy: draws && draws.entropy,
	codeShare: codeShare(answer),
	refusal: Number(isRefusal(answer)),
	position: draws && draws.position,
	memoryHit,
});

const real = v.pipe(v.number(), v.finite());
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal digits'));
const text = v.pipe(v.string(), v.maxLength(2000));

const GateSchema = v.pipe(
	v.strictObject({
		kind: v.literal('conscience-gate'),
		version: v.literal(1),
		/** p = σ(intercept + Σ weight · (feature − mean) / scale). */
		features: v.pipe(
			v.array(v.strictObject({ name: v.picklist(FEATURES), mean: real, scale: v.pipe(real, v.gtValue(0)), weight: real })),
			v.minLength(1),
			v.check((features) => new Set(features.map(({ name }) => name)).size === features.length, 'must name each feature once'),
		),
		intercept: real,
		/** The conscience is called where p is at least this: 0 calls always, 1 never. */
		threshold: v.pipe(real, v.minValue(0), v.maxValue(1)),
		/** What `position` is read by, and SHA-256 of the weights that it was read in; null for a gate that does without. */
		line: v.nullable(
			v.strictObject({ weights: hash, direction: v.pipe(v.array(real), v.minLength(1), v.maxLength(16_384)), offset: real }),
		),
		/** How it came about. */
		fitted: v.strictObject({
			/** The model, and whose answers. */
			on: text,
			/** Who judged them, by which framework. */
			judge: text,
			/** Rows that the weights, and the threshold, were fitted on. */
			train: v.pipe(v.number(), v.integer(), v.minValue(0)),
			calibration: v.pipe(v.number(), v.integer(), v.minValue(0)),
			/** Strength of the L2 penalty; the rule for the threshold. */
			l2: v.pipe(real, v.minValue(0)),
			rule: text,
			/** SHA-256 of every prompt of those rows: nothing may be tested on them. */
			prompts: v.pipe(v.array(hash), v.maxLength(100_000)),
			/** Of the runs whose copies answered. */
			seeds: v.array(v.pipe(v.number(), v.integer())),
			/** Of the code. */
			commit: text,
		}),
	}),
	v.check(
		({ features, line }) => line !== null || features.every(({ name }) => name !== 'position'),
		'must have a line by which position is read',
	),
);

/** A logistic model of whether it is worth asking the conscience about a draft: data, which is read and never executed. */
export type Gate = v.InferOutput<typeof GateSchema>;

/** A gate that can't be used, or not here; the message says what came, what was expected and what to do. */
export class GateError extends Error {
	override name = 'GateError';
}

/** Checks a value from outside and returns it as a gate. @throws GateError */
export function parseGate(value: unknown): Gate {
	const result = v.safeParse(GateSchema, value);
	if (result.success) return result.output;
	const faults = result.issues.slice(0, 5).map((issue) => `${v.getDotPath(issue) ?? '(the whole value)'}: ${issue.message}`);
	throw new GateError(
		`This is no gate that can be used. ${faults.join('; ')}. Give a file that \`npm run gate\` wrote, or this lab exported.`,
	);
}

/** The gate in a file. @throws GateError */
export function readGate(json: string): Gate {
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch (error) {
		throw new GateError(`This is no gate: the file is not JSON (${(error as Error).message}). Give a file that \`npm run gate\` wrote.`);
	}
	return parseGate(value);
}

export const gateFile = (gate: Gate): string => `${JSON.stringify(gate, null, '\t')}\n`;

/** Names a gate in records: SHA-256 of what it says, however its file is laid out. */
export const gateHash = (gate: Gate): Promise<string> => sha256(JSON.stringify(parseGate(gate)));

/** @throws GateError where the gate was fitted on other weights than those that are to be gated */
export function checkGateFits({ line, fitted }: Gate, weights: string): void {
	if (line === null || line.weights === weights) return;
	const short = (sha: string) => `${sha.slice(0, 8)}…`;
	throw new GateError(
		`The gate was fitted on ${fitted.on}, whose weights have the SHA-256 ${short(line.weights)}; the model here has ${short(weights)}, in whose states its direction means nothing. Fit one for this model with \`npm run gate\`, or do without a gate.`,
	);
}

/** What the draws are to be noted on for this gate, in states of `width` numbers; where it has no line, positions are all 0 and mean nothing. */
export const lineOf = ({ line }: Gate, width: number): Line =>
	line ? { direction: Float32Array.from(line.direction), offset: line.offset } : { direction: new Float32Array(width), offset: 0 };

/** What a gate says of a draft. */
export interface GateDecision {
	/** Whether the conscience is to be asked. */
	call: boolean;
	/** P(asking would mend it). */
	p: number;
	/** What each feature of the draft adds to the log-odds of p, beside the intercept. */
	parts: readonly { name: Feature; value: number; adds: number }[];
}

/** The gate as a function. @throws GateError where it needs a feature that is not known of a draft */
export const decideBy =
	(gate: Gate) =>
	(features: Features): GateDecision => {
		const parts = gate.features.map(({ name, mean, scale, weight }) => {
			const value = features[name];
			if (value === null || !Number.isFinite(value))
				throw new GateError(`The gate looks at '${name}', which is not known of this draft (${String(value)}). Let the draft be written in the trainer, or use a gate without it.`); // prettier-ignore
			return { name, value, adds: (weight * (value - mean)) / scale };
		});
		const p = sigmoid(parts.reduce((score, { adds }) => score + adds, gate.intercept));
		return { p, call: p >= gate.threshold, parts };
	};

/** 1/(1 + e^{−x}), never rounded up to 1, so that a threshold of 1 calls nobody. */
function sigmoid(x: number): number {
	const p = x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
	return Math.min(p, 1 - Number.EPSILON);
}
