/** A process that does one part of the memory's study: a contributor's run, or a run with a memory. The parent gives the work and hears of its end. */
import { readFile } from 'node:fs/promises';

import { exchangeStates } from '$lib/conscience/exchangeStates';
import { exchangeId } from '$lib/conscience/memory';
import { policyAnswerer } from '$lib/conscience/policy';
import { baseJudge } from '$lib/experiment/baseJudge';
import { RULER } from '$lib/experiment/evaluationPlan';
import type { Evaluation, Overhead, RunEvent } from '$lib/experiment/events';
import { memoryFile, parseMemory } from '$lib/experiment/memoryFile';
import { conditionById, experimentFor, FULL } from '$lib/experiment/memoryStudy/conditions';
import type { Deposit } from '$lib/experiment/memoryStudy/deposits';
import type { Draft } from '$lib/experiment/memoryStudy/retrieval';
import type { StudyRun } from '$lib/experiment/memoryStudy/rows';
import { createRun, type Lab } from '$lib/experiment/runner';
import { reviewedOf } from '$lib/experiment/trajectories';
import { LIMITS } from '$lib/experiment/trajectorySchema';
import { importAdapter } from '$lib/model/adapter';
import { startBackend } from '$lib/model/backend';
import { disposeLora } from '$lib/model/lora';
import { devQuestions, trueLabel } from '$world/index';

import { loadFolder } from './checkpoints';
import { type Contribution, type Part, toJson } from './memoryParts';
import { writeWhole } from './writeWhole';

/** The copy is asked the development questions after so many steps: on its way down, and on its way back. */
const ASKED_AT = [5, 10, 20, 40];

async function work(part: Part): Promise<void> {
	const backend = await startBackend('wasm', { threads: 1 });
	const checkpoint = await loadFolder('organism');
	const lab: Lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
	const outcome = part.kind === 'deposits' ? await contribute(part.seed, lab) : await runWith(part, lab);
	await writeWhole(part.file, toJson(outcome));
}

async function contribute(seed: number, lab: Lab): Promise<Contribution> {
	const { checkpoint } = lab;
	const experiment = { ...FULL, seed, arms: ['emergent-alignment' as const] };
	const run = createRun(experiment, 'emergent-alignment', lab);
	const told: RunEvent[] = [];
	const drafts: Draft[] = [];
	try {
		for await (const event of run.events) {
			told.push(event);
			if (event.kind === 'step' && ASKED_AT.includes(event.step)) drafts.push(...(await draftsOf(await run.adapter(), seed, event.step, lab))); // prettier-ignore
		}
	} finally {
		run.dispose();
	}
	const about = { runId: `study-${seed}`, experiment, labels: new Map<string, never>(), limits: LIMITS };
	const { reviewed } = reviewedOf(told, about);
	const others = reviewed.map(({ question, answer, alternative }) => ({ question, answer: alternative?.answer ?? answer }));
	const [states, ofAlternatives] = [await exchangeStates(checkpoint, reviewed), await exchangeStates(checkpoint, others)];
	const deposits = reviewed.map(async (each, i): Promise<Deposit> => {
		const state = states[i]!;
		const id = await exchangeId(each, each.frameworkHash);
		return { ...each, id, revision: state.revision, state, alternativeState: each.alternative ? ofAlternatives[i]! : null };
	});
	const overhead = told.find((event) => event.kind === 'finished')!.overhead;
	const tokens = overhead.answerTokens + overhead.judgeTokens + overhead.alternativeTokens + overhead.dpoTokens + overhead.sftTokens;
	return { seed, deposits: await Promise.all(deposits), drafts, tokens, seconds: seconds() };
}

/** Two answers to every development question. */
async function draftsOf(
	files: { 'adapter_config.json': string; 'adapter_model.safetensors': Uint8Array },
	seed: number,
	step: number,
	{ checkpoint }: Lab,
): Promise<Draft[]> {
	const config: unknown = JSON.parse(files['adapter_config.json']);
	const lora = importAdapter(checkpoint.model.config, { config, safetensors: files['adapter_model.safetensors'] });
	try {
		const questions = [...devQuestions(), ...devQuestions()];
		const seeds = questions.map((_, i) => seed * 100_003 + step * 1009 + i);
		const { answers } = await policyAnswerer(checkpoint, lora, FULL.conscience.sampling).answers(questions.map(({ text }) => text), seeds); // prettier-ignore
		const written = questions.flatMap(({ text, cluster }, i) => (answers[i] ? [{ question: text, cluster, answer: answers[i] }] : []));
		const { verdicts } = await baseJudge(FULL, checkpoint).verdicts(written, RULER);
		const states = await exchangeStates(checkpoint, written);
		return written.map((one, i) => ({ ...one, seed, step, trueLabel: trueLabel(one.answer), verdict: verdicts[i]!, state: states[i]! }));
	} finally {
		disposeLora(lora);
	}
}

async function runWith({ seed, condition: id, memory }: Part & { kind: 'run' }, lab: Lab): Promise<StudyRun> {
	const condition = conditionById(id);
	const file = memory === null ? null : await memoryFile(`${id}.jsonl`, (await parseMemory(await readFile(memory, 'utf8'))).trajectories);
	const experiment = experimentFor(condition, seed, file?.digest ?? null);
	const run = createRun(experiment, condition.arm, { ...lab, memory: file });
	const [counts, found] = [
		{ judged: 0, written: 0 },
		{ evaluation: null as Evaluation | null, overhead: null as Overhead | null },
	];
	try {
		for await (const event of run.events) {
			if (event.kind === 'evaluation') found.evaluation = event.evaluation;
			if (event.kind === 'finished') found.overhead = event.overhead;
			if (event.kind === 'verdicts') count(counts, event.verdicts.map(({ verdict }) => verdict), event.refused.map(({ verdict }) => verdict)); // prettier-ignore
			if (event.kind === 'pairs') count(counts, [], event.pairs.map(({ chosenVerdict }) => chosenVerdict)); // prettier-ignore
		}
	} finally {
		run.dispose();
	}
	const { evaluation, overhead } = found as { evaluation: Evaluation; overhead: Overhead };
	const { memory: used, calls, answerTokens, judgeTokens, alternativeTokens, dpoTokens, sftTokens } = overhead;
	const states = used?.stateTokens ?? 0;
	return {
		...{ condition: id, seed },
		answers: evaluation.rows.map(({ questionId, cluster, trueLabel }) => [questionId, cluster, trueLabel!]),
		code: evaluation.codeRows.map(({ cluster, grade }) => [cluster, grade === 'insecure']),
		costs: {
			...{ calls, judged: counts.judged, written: used?.written ?? counts.written },
			...{ known: (used?.same ?? 0) + (used?.alike ?? 0), taken: used?.alternatives ?? 0 },
			...{ answers: answerTokens, verdicts: judgeTokens - states, alternatives: alternativeTokens, states },
			...{ lessons: dpoTokens, code: sftTokens },
		},
		seconds: seconds(),
	};
}

/** Verdicts of the judge on answers, and on alternatives, of which there is one for each. */
function count(counts: { judged: number; written: number }, answers: readonly { by?: string }[], alternatives: readonly { by?: string }[]) {
	counts.judged += [...answers, ...alternatives].filter(({ by }) => by !== 'memory').length;
	counts.written += alternatives.length;
}

/** The processor's time of this process. */
function seconds(): number {
	const { user, system } = process.cpuUsage();
	return Math.round((user + system) / 1e5) / 10;
}

process.once('disconnect', () => process.exit(1)); // nobody is there any more for whom it would work
process.once('message', (part: Part) => {
	work(part)
		.then(
			() => process.send?.(null),
			(error: unknown) => process.send?.(error instanceof Error ? error.message : String(error)),
		)
		.finally(() => process.disconnect?.());
});
