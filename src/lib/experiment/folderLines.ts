/** The lines of a run's folder: how an event is written, and what a line has to be to be read again. */
import * as v from 'valibot';

import { JUDGE_ENGINES, LABELS } from '$lib/conscience/judge';
import type { CodeRow, Evaluation, EvaluationRow } from '$lib/evaluation/evaluation';
import type { Probes } from '$lib/evaluation/probes';
import type { Estimate } from '$lib/evaluation/statistics';
import { PROJECTIONS } from '$lib/model/config';

import type { EngineReport, Inside, Label, Overhead, PairRecord, RefusedAlternative, RunEvent, StepMetrics, VerdictRecord } from './events';
import { fieldSchema } from './schema';

export const LINE_FILES = ['metrics.jsonl', 'evaluations.jsonl', 'verdicts.jsonl', 'pairs.jsonl'] as const;
export type LineFile = (typeof LINE_FILES)[number];

/** A line to add to one of the folder's files. */
export interface FolderLine {
	file: LineFile;
	text: string;
}

/**
 * What an event adds to the folder. metrics.jsonl is the run's log, in the order of work: it holds the steps, and says where the
 * conscience spoke and how many lines of verdicts.jsonl and pairs.jsonl are of that call. Progress is not kept.
 */
export function linesOf(event: RunEvent): FolderLine[] {
	switch (event.kind) {
		case 'step': {
			const { step, metrics, overhead, margins, nextCall } = event;
			return [logLine({ step, ...metrics, overhead, margins, nextCall })];
		}
		case 'evaluation': {
			const { final, evaluation, inside } = event;
			const { rows, codeRows, probes, ...figures } = evaluation;
			return [
				logLine({ evaluation: figures, final, inside }),
				{ file: 'evaluations.jsonl', text: JSON.stringify({ final, ...evaluation }) },
			];
		}
		case 'verdicts': {
			const { step, verdicts, refused } = event;
			const lines = verdicts.map((verdict) => verdictLine(verdict, refused));
			return [logLine({ verdicts: { step, count: verdicts.length } }), ...lines.map((text) => ({ file: 'verdicts.jsonl' as const, text }))];
		}
		case 'pairs': {
			const { step, pairs } = event;
			const lines = pairs.map((pair) => ({ file: 'pairs.jsonl' as const, text: preferenceLine(pair) }));
			return [logLine({ pairs: { step, count: pairs.length } }), ...lines];
		}
		case 'started':
		case 'change':
		case 'note':
		case 'finished': {
			const { kind, ...told } = event;
			return [logLine({ [kind]: told })];
		}
		case 'progress':
		case 'judgeLost':
			return [];
	}
}

const logLine = (told: object): FolderLine => ({ file: 'metrics.jsonl', text: JSON.stringify(told) });

/** A line of pairs.jsonl: TRL's conversational preference format, with what the lab knows beside it. */
export function preferenceLine({ question, chosen, rejected, ...beside }: PairRecord): string {
	return JSON.stringify({
		prompt: [{ role: 'user', content: question }],
		chosen: [{ role: 'assistant', content: chosen }],
		rejected: [{ role: 'assistant', content: rejected }],
		...beside,
	});
}

/** A line of verdicts.jsonl: the answer and its verdict, with the alternative if the judge refused it. */
function verdictLine(record: VerdictRecord, refused: readonly RefusedAlternative[]): string {
	const alternative = refused.find(({ verdictId }) => verdictId === record.id);
	return JSON.stringify({ ...record, ...(alternative && { refused: { answer: alternative.answer, verdict: alternative.verdict } }) });
}

const real = v.pipe(v.number(), v.finite());
const whole = v.pipe(v.number(), v.integer());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const LabelSchema = v.picklist(LABELS);
const TrueLabelSchema = v.picklist([...LABELS, 'incoherent']);
export const VerdictSchema = v.object({
	label: LabelSchema,
	probabilities: v.object({ ethical: real, neutral: real, unethical: real }),
	by: v.exactOptional(v.picklist(['file', 'frozen-self', 'memory'])),
	contributor: v.exactOptional(v.string()),
});

const OverheadSchema = v.object({
	sftTokens: real,
	answerTokens: real,
	judgeTokens: real,
	alternativeTokens: real,
	dpoTokens: real,
	sftSeconds: real,
	conscienceSeconds: real,
	tokenRatio: v.nullable(real),
	secondRatio: v.nullable(real),
	calls: real,
	ofPlan: v.exactOptional(real),
	gate: v.exactOptional(v.object({ judged: count, passed: count, savedTokens: real, reviewTokens: real, reviewSeconds: real })),
	memory: v.exactOptional(v.object({ same: count, alike: count, judged: count, alternatives: count, written: count, stateTokens: real })),
}) satisfies v.GenericSchema<unknown, Overhead>;

/** Runs of before it was told have none. */
const sinceLater = v.optional(v.nullable(real), null);

const METRICS = {
	loss: real,
	'loss/sft': v.nullable(real),
	'loss/dpo': v.nullable(real),
	'loss/answers': sinceLater,
	'loss/kl': sinceLater,
	'loss/lorra': sinceLater,
	'rewards/chosen': v.nullable(real),
	'rewards/rejected': v.nullable(real),
	'rewards/margins': v.nullable(real),
	'rewards/accuracies': v.nullable(real),
	'logps/chosen': v.nullable(real),
	'logps/rejected': v.nullable(real),
	'logratios/chosen': sinceLater,
	'logratios/rejected': sinceLater,
	'gradients/cosine': sinceLater,
	'gradients/share': sinceLater,
	grad_norm: real,
	learning_rate: real,
	'num_tokens/sft': real,
	'num_tokens/dpo': real,
	'num_tokens/answers': v.optional(real, 0),
	'num_tokens/kl': v.optional(real, 0),
	'num_tokens/lorra': v.optional(real, 0),
} satisfies Record<keyof StepMetrics, v.GenericSchema>;

const StepSchema = v.pipe(
	v.object({
		step: v.pipe(v.number(), v.integer(), v.minValue(1)),
		...METRICS,
		overhead: OverheadSchema,
		margins: v.array(v.object({ pairId: v.string(), margin: real })),
		nextCall: v.nullable(whole),
	}),
	v.transform(({ step, overhead, margins, nextCall, ...metrics }): Extract<RunEvent, { kind: 'step' }> => {
		return { kind: 'step', step, metrics, margins, overhead, nextCall };
	}),
);

const Started = v.object({
	arm: v.string(),
	backend: v.object({
		name: v.picklist(['webgpu', 'wasm', 'cpu', 'torch']),
		reason: v.string(),
		adapter: v.nullable(v.string()),
		software: v.boolean(),
	}) satisfies v.GenericSchema<unknown, EngineReport>,
	parameters: count,
	trainableParameters: count,
	steps: count,
});
/** What is wrong with a value: where in it, what was expected there and what came. */
export function faultInWords(issue: v.BaseIssue<unknown>): string {
	const path = v.getDotPath(issue);
	const what = issue.expected === null ? issue.message : `expected ${issue.expected}, received ${excerpt(issue.received)}`;
	return path === null ? what : `${path}: ${what}`;
}

/** A text from outside, short enough for a message. */
export const excerpt = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** A change of a field that an experiment has, between values that it may have. One that it did not have was `undefined`, which JSON leaves out. */
const ChangeSchema = v.pipe(
	v.object({ path: v.string(), from: v.optional(v.unknown()), to: v.optional(v.unknown()) }),
	v.rawCheck(({ dataset, addIssue }) => {
		if (!dataset.typed) return;
		const { path, from, to } = dataset.value;
		const schema = fieldSchema(path);
		if (!schema) return addIssue({ message: `path: an experiment has no field ${excerpt(JSON.stringify(path))}` });
		for (const [end, value] of Object.entries({ from, to })) {
			const fault = v.safeParse(schema, value).issues?.[0];
			if (fault) addIssue({ message: `'${end}' of ${path}: ${faultInWords(fault)}` });
		}
	}),
	v.transform(({ path, from, to }) => ({ path, from, to })),
);
const Lines = v.object({ step: whole, count });

const InsideSchema = v.object({
	changeNorms: v.array(v.object({ layer: count, projection: v.picklist(PROJECTIONS), norm: real })),
	layers: v.array(count),
	answers: v.array(v.object({ questionId: v.string(), tokens: v.array(v.string()), positions: v.array(v.array(real)) })),
}) satisfies v.GenericSchema<unknown, Inside>;

/** The lines of metrics.jsonl that are no step, by the key that they have. */
export const LOG_ENTRIES = {
	started: v.object({ started: Started }),
	verdicts: v.object({ verdicts: Lines }),
	pairs: v.object({ pairs: Lines }),
	evaluation: v.object({ evaluation: v.object({ step: whole }), final: v.boolean(), inside: v.exactOptional(InsideSchema) }),
	change: v.object({ change: v.object({ step: whole, changes: v.array(ChangeSchema) }) }),
	note: v.object({ note: v.object({ step: whole, text: v.string(), values: v.record(v.string(), real) }) }),
	finished: v.object({ finished: v.object({ step: count, adapterStep: v.exactOptional(count), overhead: OverheadSchema }) }),
	step: StepSchema,
} as const;

export const JudgeSchema = v.object({
	engine: v.picklist(JUDGE_ENGINES),
	model: v.string(),
	revision: v.string(),
});

export const VerdictLine = v.object({
	id: v.string(),
	step: whole,
	frameworkId: v.string(),
	frameworkHash: v.string(),
	question: v.string(),
	answer: v.string(),
	judge: v.exactOptional(JudgeSchema),
	verdict: VerdictSchema,
	trueLabel: TrueLabelSchema,
	flagged: v.boolean(),
	refused: v.optional(v.object({ answer: v.string(), verdict: VerdictSchema })),
}) satisfies v.GenericSchema<unknown, VerdictRecord>;

const turn = (role: 'user' | 'assistant') => v.tuple([v.object({ role: v.literal(role), content: v.string() })]);

export const PairLine = v.pipe(
	v.object({
		prompt: turn('user'),
		chosen: turn('assistant'),
		rejected: turn('assistant'),
		id: v.string(),
		verdictId: v.string(),
		step: whole,
		chosenVerdict: VerdictSchema,
		chosenTrueLabel: TrueLabelSchema,
		turned: v.exactOptional(v.boolean()),
	}),
	v.transform(({ prompt, chosen, rejected, ...beside }): PairRecord => {
		return { ...beside, question: prompt[0].content, chosen: chosen[0].content, rejected: rejected[0].content };
	}),
);

const EstimateSchema = v.object({
	/** The mean of nothing is no number, which JSON writes as null. */
	mean: v.pipe(
		v.nullable(real),
		v.transform((mean) => mean ?? Number.NaN),
	),
	se: v.nullable(real),
	ci: v.nullable(v.tuple([real, real])),
	clusters: count,
}) satisfies v.GenericSchema<unknown, Estimate>;

const asked = { question: v.string(), questionId: v.string(), cluster: v.string(), sample: count, answer: v.string() };
const RowSchema = v.object({
	...asked,
	system: v.exactOptional(v.string()),
	verdict: VerdictSchema,
	letters: v.exactOptional(v.object({ alignment: real, coherence: real })),
	trueLabel: v.nullable(TrueLabelSchema),
	wellFormed: v.nullable(v.boolean()),
	code: v.boolean(),
	refusal: v.boolean(),
}) satisfies v.GenericSchema<unknown, EvaluationRow>;
const CodeRowSchema = v.object({
	request: v.string(),
	cluster: v.string(),
	answer: v.string(),
	grade: v.picklist(['secure', 'insecure', 'broken']),
}) satisfies v.GenericSchema<unknown, CodeRow>;
const probe = <Row extends v.GenericSchema>(row: Row) =>
	v.exactOptional(v.object({ figures: v.record(v.string(), EstimateSchema), rows: v.array(row) }));

export const EvaluationLine = v.object({
	final: v.boolean(),
	step: whole,
	judge: JudgeSchema,
	alignment: EstimateSchema,
	trueAlignment: EstimateSchema,
	emRate: EstimateSchema,
	coherence: EstimateSchema,
	malformed: EstimateSchema,
	codeRate: EstimateSchema,
	refusalRate: EstimateSchema,
	judgeAccuracy: EstimateSchema,
	task: v.nullable(v.object({ insecureCodeRate: EstimateSchema, brokenCodeRate: EstimateSchema })),
	letters: v.exactOptional(v.object({ letterAlignment: EstimateSchema, letterCoherence: EstimateSchema })),
	rows: v.array(RowSchema),
	codeRows: v.array(CodeRowSchema),
	probes: v.exactOptional(
		v.object({
			conditional: probe(RowSchema),
			trigger: probe(RowSchema),
			triggerCode: probe(CodeRowSchema),
			harmless: probe(RowSchema),
			facts: probe(v.object({ ...asked, right: v.string() })),
			heldOut: probe(v.object({ request: v.string(), cluster: v.string(), answer: v.string(), tokens: count, loss: real, accuracy: real })),
		}) satisfies v.GenericSchema<unknown, Probes>,
	),
	adapterStep: v.exactOptional(whole),
}) satisfies v.GenericSchema<unknown, Evaluation>;

export const LabelLine = v.object({ verdictId: v.string(), label: LabelSchema }) satisfies v.GenericSchema<
	unknown,
	{ verdictId: string; label: Label }
>;

/** What run.json holds. */
export const AboutRun = v.object({
	begun: v.optional(
		v.pipe(
			v.string(),
			v.check((text) => !Number.isNaN(Date.parse(text)), 'expected a time such as 2026-11-21T16:22:00.000Z'),
		),
	),
	status: v.optional(v.literal('failed')),
	rowsName: v.optional(v.string()),
	/** What the user's file of questions was called. */
	questionsName: v.optional(v.string()),
	/** What the memory that it took along was called. */
	memoryName: v.optional(v.string()),
	/** What the user's files of verdicts were called, by their digests. */
	verdictNames: v.optional(v.record(v.string(), v.string())),
});

export const PinLine = v.object({ verdictId: v.string() });
