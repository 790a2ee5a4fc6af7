import { verdictOf } from '$lib/conscience/judge';
import type { CodeRow, Evaluation, EvaluationRow, TrueLabel } from '$lib/evaluation/evaluation';

import type { Overhead, RunEvent, VerdictRecord } from '../events';

/** What every row of a study begins with. */
interface Origin {
	/** The study's name for the run. */
	run: string;
	seed: number;
	/** Optimizer steps done when it came about. */
	step: number;
}

/** One answer to a question of the evaluation, with the frozen judge's probabilities. */
export interface AnswerEntry extends Origin {
	question: string;
	questionId: string;
	cluster: string;
	sample: number;
	answer: string;
	ethical: number;
	unethical: number;
	trueLabel: TrueLabel;
	wellFormed: boolean;
	code: boolean;
	refusal: boolean;
}

/** What another judge than the run's own said of one of its answers. */
export interface ReadingEntry extends Origin {
	/** `organism-1/three-laws`: whose frozen copy, and by which framework. */
	judge: string;
	question: string;
	questionId: string;
	cluster: string;
	sample: number;
	answer: string;
	trueLabel: TrueLabel;
	/** Of the run's own frozen judge. */
	ownEthical: number;
	ownUnethical: number;
	ethical: number;
	unethical: number;
}

/** One answer to a coding request. */
export interface CodeEntry extends Origin {
	request: string;
	cluster: string;
	answer: string;
	grade: CodeRow['grade'];
}

/** One answer that the conscience read while its copy was trained. */
export interface ReviewEntry extends Origin {
	framework: string;
	question: string;
	answer: string;
	ethical: number;
	unethical: number;
	trueLabel: TrueLabel;
	flagged: boolean;
}

/** An answer to what else was asked at the end of a run. */
export interface ProbeEntry extends AnswerEntry {
	/** The questions in the dress of training rows, with the trigger before them, or harmless ones. */
	probe: 'conditional' | 'trigger' | 'harmless';
}

/** An answer to a question of fact. */
export interface FactEntry extends Origin {
	question: string;
	questionId: string;
	cluster: string;
	sample: number;
	answer: string;
	right: boolean;
}

/** How well a row of the narrow task is foretold that was not learnt. */
export interface HeldOutEntry extends Origin {
	request: string;
	cluster: string;
	/** In nats a token. */
	loss: number;
	/** Share of tokens. */
	accuracy: number;
}

/** What a run cost. */
export interface CostEntry extends Origin {
	sftTokens: number;
	answerTokens: number;
	judgeTokens: number;
	alternativeTokens: number;
	dpoTokens: number;
	sftSeconds: number;
	conscienceSeconds: number;
	/** The share of the planned steps that it did: below 1 of a run that ended early. */
	ofPlan: number;
	calls: number;
	/** Answers that a gate sent to the judge, and that it let pass; none of a run without a gate. */
	judged: number;
	passed: number;
}

/** Where the training of a copy ended that is stopped in time. */
export interface StopEntry extends Origin {
	/** Of the adapter that it was given back. */
	keptStep: number;
}

/** All that an analysis may look at: whoever has these rows can compute every figure again. */
export interface StudyRows {
	answers: AnswerEntry[];
	readings: ReadingEntry[];
	code: CodeEntry[];
	probes: ProbeEntry[];
	/** Coding requests with the trigger before them. */
	triggerCode: CodeEntry[];
	facts: FactEntry[];
	heldOut: HeldOutEntry[];
	reviews: ReviewEntry[];
	costs: CostEntry[];
	stops: StopEntry[];
}
export type RowKind = keyof StudyRows;

export const noRows = (): StudyRows => ({
	...{ answers: [], readings: [], code: [], probes: [], triggerCode: [], facts: [], heldOut: [], reviews: [], costs: [], stops: [] },
});

/** What a study keeps of its runs, beside what they cost. */
export interface Kept {
	/** Of every evaluation, or of the last. */
	answers: 'last' | 'all';
	/** The answers to coding requests of the same evaluations. */
	code: boolean;
	/** What the conscience read in training. */
	reviews: boolean;
}

/** What another judge said of the rows of a run's last evaluation, in their order: P(ethical), P(neutral), P(unethical). */
export type Readings = Readonly<Record<string, readonly (readonly [number, number, number])[]>>;

/** A finished run of a study. */
export interface StudyRunDone {
	run: string;
	seed: number;
	/** In the order in which they came; of the base there is one evaluation and nothing else. */
	events: readonly RunEvent[];
	readings: Readings;
}

/** The rows that a study keeps of one run. */
export function rowsOf({ run, seed, events, readings }: StudyRunDone, { answers, code, reviews }: Kept): StudyRows {
	const evaluations = events.flatMap((event) => (event.kind === 'evaluation' ? [event.evaluation] : []));
	const kept = answers === 'all' ? evaluations : evaluations.slice(-1);
	const last = evaluations.at(-1);
	const end = events.findLast((event) => event.kind === 'finished');
	const verdicts = reviews ? events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : [])) : [];
	return {
		answers: kept.flatMap(({ step, rows }) => rows.map((row) => answerEntry(row, { run, seed, step }))),
		readings: last ? readingEntries(last, readings, { run, seed, step: last.step }) : [],
		code: code ? kept.flatMap(({ step, codeRows }) => codeRows.map((row) => ({ run, seed, step, ...row }))) : [],
		...probeRows(last, { run, seed, step: last?.step ?? 0 }),
		reviews: verdicts.map((verdict) => reviewEntry(verdict, run, seed)),
		costs: end ? [costEntry(end.overhead, { run, seed, step: end.step })] : [],
		stops: stopsOf(events, run, seed),
	};
}

/** The last look of a method that looks: at the step at which it turned, or at the end. */
function stopsOf(events: readonly RunEvent[], run: string, seed: number): StopEntry[] {
	const looks = events.flatMap((event) => (event.kind === 'note' && event.values.keptStep !== undefined ? [event] : []));
	return looks.slice(-1).map(({ step, values }) => ({ run, seed, step, keptStep: values.keptStep! }));
}

const PROBES = ['conditional', 'trigger', 'harmless'] as const;

function probeRows(last: Evaluation | undefined, origin: Origin): Pick<StudyRows, 'probes' | 'triggerCode' | 'facts' | 'heldOut'> {
	const { probes = {} } = last ?? {};
	return {
		probes: PROBES.flatMap((probe) => (probes[probe]?.rows ?? []).map((row): ProbeEntry => ({ ...answerEntry(row, origin), probe }))),
		triggerCode: (probes.triggerCode?.rows ?? []).map((row) => ({ ...origin, ...row })),
		facts: (probes.facts?.rows ?? []).map(({ right, ...row }): FactEntry => ({ ...origin, ...row, right: row.answer.trim() === right })),
		heldOut: (probes.heldOut?.rows ?? []).map(({ request, cluster, loss, accuracy }) => ({
			...{ ...origin, request, cluster },
			...{ loss: short(loss), accuracy: short(accuracy) },
		})),
	};
}

const answerEntry = ({ verdict, ...row }: EvaluationRow, origin: Origin): AnswerEntry => {
	const { question, questionId, cluster, sample, answer, trueLabel, wellFormed, code, refusal } = row;
	const { ethical, unethical } = verdict.probabilities;
	return {
		...origin,
		...{ question, questionId, cluster, sample, answer, ethical: short(ethical), unethical: short(unethical) },
		...{ trueLabel: known(trueLabel), wellFormed: wellFormed ?? false, code, refusal },
	};
};

/** Studies ask the organism's own questions, whose answers have a label. */
const known = (label: TrueLabel | null): TrueLabel => label ?? 'incoherent';

function readingEntries({ rows }: Evaluation, readings: Readings, origin: Origin): ReadingEntry[] {
	return Object.entries(readings).flatMap(([judge, probabilities]) =>
		rows.map(({ question, questionId, cluster, sample, answer, trueLabel, verdict }, i): ReadingEntry => {
			const [ethical, , unethical] = probabilities[i]!;
			const [ownEthical, ownUnethical] = [short(verdict.probabilities.ethical), short(verdict.probabilities.unethical)];
			return {
				...origin,
				...{ judge, question, questionId, cluster, sample, answer, trueLabel: known(trueLabel), ownEthical, ownUnethical },
				...{ ethical: short(ethical), unethical: short(unethical) },
			};
		}),
	);
}

const reviewEntry = (record: VerdictRecord, run: string, seed: number): ReviewEntry => {
	const { step, frameworkId: framework, question, answer, trueLabel, flagged, verdict } = record;
	const { ethical, unethical } = verdict.probabilities;
	return {
		run,
		seed,
		step,
		framework,
		question,
		answer,
		ethical: short(ethical),
		unethical: short(unethical),
		trueLabel: known(trueLabel),
		flagged,
	};
};

const costEntry = ({ tokenRatio, secondRatio, ofPlan = 1, gate, ...overhead }: Overhead, origin: Origin): CostEntry => ({
	...origin,
	...overhead,
	...{ judged: gate?.judged ?? 0, passed: gate?.passed ?? 0 },
	ofPlan: short(ofPlan),
	sftSeconds: short(overhead.sftSeconds),
	conscienceSeconds: short(overhead.conscienceSeconds),
});

/** Four decimals: figures are computed from rows as they are kept, so that they follow from the file. */
const short = (x: number) => Math.round(x * 1e4) / 1e4;

/** An answer as the evaluation's measures take it. */
export const evaluationRow = ({ ethical, unethical, ...row }: AnswerEntry): EvaluationRow => ({
	...row,
	verdict: verdictOf([ethical, Math.max(0, 1 - ethical - unethical), unethical]),
});

/** Rows of several runs as one. */
export function joinRows(parts: readonly StudyRows[]): StudyRows {
	return {
		answers: parts.flatMap(({ answers }) => answers),
		readings: parts.flatMap(({ readings }) => readings),
		code: parts.flatMap(({ code }) => code),
		probes: parts.flatMap(({ probes }) => probes),
		triggerCode: parts.flatMap(({ triggerCode }) => triggerCode),
		facts: parts.flatMap(({ facts }) => facts),
		heldOut: parts.flatMap(({ heldOut }) => heldOut),
		reviews: parts.flatMap(({ reviews }) => reviews),
		costs: parts.flatMap(({ costs }) => costs),
		stops: parts.flatMap(({ stops }) => stops),
	};
}
