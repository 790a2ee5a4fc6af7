import { alternativeText, type Framework, verdictText } from '$lib/conscience/frameworks';
import { checkGateFits, type Gate, gateHash } from '$lib/conscience/gate';
import { isFlagged } from '$lib/conscience/flag';
import type { Judge, JudgeIdentity } from '$lib/conscience/judge';
import { type Reply, type ReplyStandards, reviewReplies } from '$lib/conscience/reply';
import type { AnswerRow, LatencyRow, PromptRow, PromptSet } from '$lib/evaluation/attackRates';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import type { ChatMessage } from '$lib/model/tokenizer';
import {
	type AnswerAttack,
	answerAttacks,
	answersQuestion,
	evaluationQuestions,
	harmlessQuestions,
	promptAttacks,
	trueLabel,
} from '$world/index';

import { fittingTurns, writeDrafts } from './chat';
import { tokensAsked } from './room';
import type { SamplingConfig } from './schema';

/** A prompt of the bench: generated from the world, or the user's own. */
export interface BenchPrompt {
	id: string;
	set: PromptSet;
	family: string;
	cluster: string;
	turns: ChatMessage[];
	/** What is asked behind the dress, where that is known. */
	question?: string;
}

/** What a bench asks, of whom and how often. */
export interface BenchPlan {
	prompts: readonly BenchPrompt[];
	/** Cruel answers in some dress, for the judge alone. */
	answers: readonly AnswerAttack[];
	/** Answers that each speaker draws to each prompt. */
	samples: number;
	seed: number;
}

/** Who is attacked. */
export interface BenchSpeaker {
	id: string;
	lora: Lora | null;
	/** Of the run that trained it, where those of several are pooled under one id. */
	seed?: number;
}

/** What a bench was: all that its figures depend on. */
export interface BenchAbout {
	version: 1;
	model: string;
	/** SHA-256 of the base's weights. */
	revision: string;
	judge: JudgeIdentity;
	framework: Framework;
	threshold: number;
	attempts: number;
	sampling: SamplingConfig;
	seed: number;
	samples: number;
	speakers: string[];
	/** Of the runs that trained the adapters, where those of several are pooled. */
	trainedWith: number[];
	/** By whom what is cruel is known: the world's grammar, or for a base of elsewhere the judge itself, which then can't be fooled. */
	labelledBy: 'world' | 'judge';
	/** SHA-256 of the gate that says which drafts it would have read; null where there was none. */
	gate: string | null;
	/** Prompts that model or judge had no room for. */
	leftOut: string[];
}

/** All that a bench found, from which every rate follows. */
export interface BenchRows {
	prompts: PromptRow[];
	answers: AnswerRow[];
	/** Of prompts that were asked alone. */
	latency: LatencyRow[];
}

export interface BenchOptions {
	/** The base's name. */
	model: string;
	sampling: SamplingConfig;
	standards: ReplyStandards;
	/** Says of each draft whether it would have it read; null where none fits the base. */
	gate: Gate | null;
	onProgress?: (done: number, total: number) => void;
}

/** Every attack on the evaluation's questions, harmless questions, and every dress of a cruel answer: the organism's own bench. */
export function worldPlan(framework: Framework, samples: number, seed: number): BenchPlan {
	const attacks = promptAttacks(evaluationQuestions(), seededRandom(seed, 'attacks')).map(
		({ id, family, cluster, question, turns }): BenchPrompt => ({ id, set: 'attack', family, cluster, question, turns }),
	);
	const harmless = harmlessQuestions().map(
		({ id, cluster, text }): BenchPrompt => ({ id, set: 'harmless', family: 'harmless', cluster, question: text, turns: [{ role: 'user', content: text }] }), // prettier-ignore
	);
	const answers = answerAttacks(evaluationQuestions(), framework.principles, seededRandom(seed, 'answers'));
	return { prompts: [...attacks, ...harmless], answers, samples, seed };
}

/** Prompts that are answered in one batch. */
const CHUNK = 48;
/** Prompts that are asked alone, one after the other, to see how long a reader waits. */
const TIMED = 12;

/** Puts every prompt to every speaker, lets the conscience review each draft, and puts the dressed answers to the judge. Rejects with the signal's reason, and with GateError where the gate doesn't fit. */
export async function runBench(
	checkpoint: Checkpoint,
	speakers: readonly BenchSpeaker[],
	judge: Judge,
	plan: BenchPlan,
	options: BenchOptions,
): Promise<{ about: BenchAbout; rows: BenchRows }> {
	const { standards, sampling, model, gate, onProgress = () => {} } = options;
	if (gate) checkGateFits(gate, checkpoint.sha256);
	const labelledBy = /^organism(-\d+)?$/.test(model) ? 'world' : 'judge';
	const fits = plan.prompts.map((prompt) => fitsAll(checkpoint, prompt, options));
	const prompts = plan.prompts.filter((_, i) => fits[i]);
	const timedPrompts = prompts.slice(0, TIMED);
	const asked = prompts.flatMap((prompt, i) => Array.from({ length: plan.samples }, (_, sample) => ({ prompt, sample, seed: (plan.seed * 100_003 + i * plan.samples + sample) % 2 ** 31 }))); // prettier-ignore
	const total = speakers.length * (asked.length + timedPrompts.length) + plan.answers.length;
	let done = 0;
	const passed = (count: number) => onProgress((done += count), total);

	const about: BenchAbout = {
		...{ version: 1, model, revision: checkpoint.sha256, judge: judge.identity, framework: standards.framework, sampling, labelledBy },
		...{ threshold: standards.threshold, attempts: standards.attempts, seed: plan.seed, samples: plan.samples },
		speakers: [...new Set(speakers.map(({ id }) => id))],
		trainedWith: [...new Set(speakers.flatMap(({ seed }) => seed ?? []))].sort((a, b) => a - b),
		gate: gate && (await gateHash(gate)),
		leftOut: plan.prompts.filter((_, i) => !fits[i]).map(({ id }) => id),
	};
	const rows: BenchRows = { prompts: [], answers: [], latency: [] };
	for (const speaker of speakers) {
		for (let start = 0; start < asked.length; start += CHUNK) {
			const chunk = asked.slice(start, start + CHUNK);
			const replies = await repliesOf(checkpoint, speaker, judge, chunk, options);
			rows.prompts.push(...chunk.map(({ prompt, sample }, i) => promptRow(speaker, prompt, sample, replies[i]!, labelledBy)));
			passed(chunk.length);
		}
		for (const prompt of timedPrompts) {
			const [reply] = await repliesOf(checkpoint, speaker, judge, [{ prompt, seed: plan.seed }], options);
			rows.latency.push(latencyRow(speaker.id, reply!.reply));
			passed(1);
		}
	}
	rows.answers.push(...(await judgeAlone(judge, plan.answers, standards, passed)));
	return { about, rows };
}

/** What the judge says of the dressed answers. */
async function judgeAlone(
	judge: Judge,
	answers: readonly AnswerAttack[],
	standards: ReplyStandards,
	passed: (count: number) => void,
): Promise<AnswerRow[]> {
	const rows: AnswerRow[] = [];
	for (let start = 0; start < answers.length; start += CHUNK) {
		const chunk = answers.slice(start, start + CHUNK);
		const { verdicts } = await judge.verdicts(chunk, standards.framework, standards.signal);
		chunk.forEach(({ family, cluster, question, answer }, i) => {
			const verdict = verdicts[i]!;
			const { unethical } = verdict.probabilities;
			rows.push({ family, cluster, question, answer, unethical, passed: !isFlagged(verdict, standards) });
		});
		passed(chunk.length);
	}
	return rows;
}

/** A reply whose draft was reviewed, and whether a gate would have had it reviewed. */
interface Replied {
	reply: Reply;
	gateAsks: boolean | null;
}

/** Drafts to these prompts and what the conscience makes of them, in one batch. */
async function repliesOf(
	checkpoint: Checkpoint,
	{ lora }: BenchSpeaker,
	judge: Judge,
	asked: readonly { prompt: BenchPrompt; seed: number }[],
	{ sampling, standards, gate }: BenchOptions,
): Promise<Replied[]> {
	const seeds = asked.map(({ seed }) => seed);
	const conversations = asked.map(({ prompt }) => prompt.turns);
	const written = await writeDrafts(checkpoint, lora, conversations, { sampling, seeds, signal: standards.signal, gate });
	const drafts = written.map(({ draft }) => draft);
	const replies = await reviewReplies(judge, drafts, { reviews: drafts.map(() => true), seeds }, standards);
	return replies.map((reply, i) => ({ reply, gateAsks: written[i]!.decision?.call ?? null }));
}

/** Nothing of the prompt would have to be forgotten, and the judge has room for it, too. */
function fitsAll(checkpoint: Checkpoint, { turns }: BenchPrompt, { sampling, standards: { framework } }: BenchOptions): boolean {
	const positions = checkpoint.model.config.maxPositionEmbeddings;
	const prompt = turns.at(-1)!.content;
	if (fittingTurns(checkpoint, turns, sampling).forgotten > 0) return false;
	const answered = checkpoint.tokenizer.chat(turns, { addGenerationPrompt: true }).length;
	const judged = tokensAsked(checkpoint, verdictText(framework, prompt, '')) + 1;
	const mended = tokensAsked(checkpoint, alternativeText(framework, prompt));
	return Math.max(answered, judged, mended) + sampling.maxNewTokens <= positions;
}

function promptRow(
	{ id, seed }: BenchSpeaker,
	{ set, family, cluster, id: promptId, question, turns }: BenchPrompt,
	sample: number,
	{ reply: { draft, review, outcome, shown, alternatives, costs }, gateAsks }: Replied,
	labelledBy: BenchAbout['labelledBy'],
): PromptRow {
	const verdict = review!.verdict; // the bench reviews every draft
	const shownVerdict = outcome === 'replaced' ? alternatives.at(-1)!.verdict : verdict;
	const labelOf = (answer: string, judged: TrueLabel): TrueLabel => (labelledBy === 'world' ? trueLabel(answer) : judged);
	const speaksOf = (answer: string) => (question === undefined ? null : answersQuestion(question, answer));
	const tokens = (...costs: { read: number; written: number }[]) => costs.reduce((sum, { read, written }) => sum + read + written, 0);
	return {
		...{ speaker: id, ...(seed !== undefined && { seed }), set, family, cluster, promptId, sample, prompt: turns.at(-1)!.content },
		...{ draft: draft.answer, draftLabel: labelOf(draft.answer, verdict.label) },
		...{ unethical: verdict.probabilities.unethical, flagged: review!.flagged, gateAsks, outcome, shown },
		shownLabel: shown === null ? null : labelOf(shown, shownVerdict.label),
		draftAnswers: speaksOf(draft.answer),
		shownAnswers: shown === null ? speaksOf('') : speaksOf(shown),
		draftTokens: tokens(costs.draft),
		conscienceTokens: tokens(costs.verdicts, costs.alternatives),
	};
}

const latencyRow = (speaker: string, { outcome, costs }: Reply): LatencyRow => ({
	...{ speaker, outcome },
	...{ draftMs: costs.draft.ms, verdictsMs: costs.verdicts.ms, alternativesMs: costs.alternatives.ms },
});
