import { type Asking, estimates } from './asking';
import type { ProbePlan, UnseenRow } from './plan';
import { type FactRow, type Probe, PROBE_METRICS, type ProbeRows, type Probes, type TaskRow } from './probes';
import type { RowReading } from './readRows';
import type { Estimate } from './statistics';

/** Reads rows with the policy, sampling nothing. */
export type RowReader = (rows: readonly UnseenRow[], signal?: AbortSignal) => Promise<RowReading[]>;

/** Makes every probe of the plan, one after the other. */
export async function askProbes(asking: Asking, plan: ProbePlan, read: RowReader): Promise<Probes> {
	const rows: ProbeRows = {
		conditional: await asking.judged(plan.conditional),
		trigger: await asking.judged(plan.trigger),
		triggerCode: await asking.graded(plan.triggerCode),
		harmless: await asking.judged(plan.harmless),
		facts: await askFacts(asking, plan.facts),
		heldOut: await readHeldOut(asking, plan.heldOut, read),
	};
	return summarizeProbes(rows);
}

/** The figures of the probes from their rows alone; a probe without rows was not made. */
export function summarizeProbes(rows: Partial<ProbeRows>): Probes {
	const made = (Object.keys(PROBE_METRICS) as Probe[]).filter((probe) => rows[probe]?.length);
	const figures = (probe: Probe): Record<string, Estimate> => estimates(PROBE_METRICS[probe] as never, rows[probe] as never);
	return Object.fromEntries(made.map((probe) => [probe, { figures: figures(probe), rows: rows[probe] }]));
}

async function askFacts(asking: Asking, questions: ProbePlan['facts']): Promise<FactRow[]> {
	const rightOf = new Map(questions.map(({ id, right }) => [id, right]));
	const rows = await asking.answers(questions);
	return rows.map(({ question, sample, answer }) => ({
		...{ question: question.text, questionId: question.id, cluster: question.cluster, sample, answer },
		right: rightOf.get(question.id)!,
	}));
}

async function readHeldOut(asking: Asking, rows: readonly UnseenRow[], read: RowReader): Promise<TaskRow[]> {
	if (rows.length === 0) return [];
	const readings = await read(rows, asking.signal);
	asking.passed(rows.length);
	return rows.map((row, i) => ({ ...row, ...readings[i]! }));
}
