import { alternativeText, type Framework, verdictText } from '$lib/conscience/frameworks';
import { checkGateFits, decideBy, featuresOf, type Gate, type GateDecision, lineOf } from '$lib/conscience/gate';
import type { Judge, OnText } from '$lib/conscience/judge';
import { type Draft, type Reply, type ReplyStandards, type ReviewEvent, reviewReplies, timed } from '$lib/conscience/reply';
import type { Checkpoint } from '$lib/model/checkpoint';
import { generate } from '$lib/model/generate';
import type { Lora } from '$lib/model/lora';
import type { ChatMessage } from '$lib/model/tokenizer';

import { QuestionError } from './ask';
import { tokensAsked } from './room';
import type { SamplingConfig } from './schema';

/** Who answers in a chat. */
export interface Speaker {
	id: string;
	/** Its adapter on the base; null is the base alone, so that with a conscience the chat is zero-shot. */
	lora: Lora | null;
	/** What this speaker was asked and is known to have said before, the oldest first. */
	turns: readonly ChatMessage[];
	/** Whether the judge is asked about what it would say: always, never, or where this gate picks the draft. */
	reviews: boolean | Gate;
}

/** What a gate has made of a draft in a chat. */
export interface Gated extends GateDecision {
	/** The conscience is asked from this p on. */
	threshold: number;
	/** What p's log-odds are without any feature. */
	intercept: number;
	/** Tokens that a verdict would have read; 0 where it was asked for. */
	savedTokens: number;
}

/** A reply in a chat; `gate` is null where none has decided. */
export interface ChatReply extends Reply {
	gate: Gated | null;
}

/** What a chat tells as it goes: a draft as it grows, then what becomes of it. */
export type ChatEvent = { speaker: string } & (
	| { kind: 'text'; text: string }
	/** `forgotten`: earlier turns that the model had no room for. */
	| { kind: 'draft'; draft: Draft; forgotten: number; gate: Gated | null }
	| (ReviewEvent & { index: 0 })
	| { kind: 'reply'; reply: ChatReply }
);

export interface ChatOptions {
	/** The speakers' sampling; the judge's alternatives have the judge's own. */
	sampling: SamplingConfig;
	/** Equal seeds draw equal numbers for every speaker, so that what differs is the model. */
	seed: number;
	standards: ReplyStandards;
	tell?: (event: ChatEvent) => void;
}

/**
 * Puts one prompt to several speakers, one after the other, and shows of each what its conscience lets pass: see `reviewReplies`.
 * @throws QuestionError when there is nothing to answer, or model or judge can't read so much; GateError where a gate was fitted on other weights
 */
export async function chat(
	checkpoint: Checkpoint,
	speakers: readonly Speaker[],
	judge: Judge,
	prompt: string,
	{ sampling, seed, standards, tell = () => {} }: ChatOptions,
): Promise<ChatReply[]> {
	const asked: ChatMessage = { role: 'user', content: prompt.trim() };
	checkPrompt(checkpoint, asked.content, sampling, standards.framework);
	for (const gate of speakers.map(({ reviews }) => gateIn(reviews))) if (gate) checkGateFits(gate, checkpoint.sha256);
	const replies: ChatReply[] = [];
	for (const { id, lora, turns, reviews } of speakers) {
		const { fitting, forgotten } = fittingTurns(checkpoint, [...turns, asked], sampling);
		const onText = (_: number, text: string) => tell({ speaker: id, kind: 'text', text });
		const { signal, framework } = standards;
		const by = gateIn(reviews);
		const [written] = await writeDrafts(checkpoint, lora, [fitting], { sampling, seeds: [seed], onText, signal, gate: by });
		const { draft, decision } = written!;
		const gate = by && decision && gatedOf(checkpoint, draft, decision, by, framework);
		tell({ speaker: id, kind: 'draft', draft, forgotten, gate });
		const decided = { reviews: [gate ? gate.call : reviews === true], seeds: [seed] };
		const heard = (event: ReviewEvent) => tell({ speaker: id, ...event, index: 0 });
		const [reviewed] = await reviewReplies(judge, [draft], decided, standards, heard);
		const reply = { ...reviewed!, gate };
		tell({ speaker: id, kind: 'reply', reply });
		replies.push(reply);
	}
	return replies;
}

const gateIn = (reviews: Speaker['reviews']): Gate | null => (typeof reviews === 'boolean' ? null : reviews);

function gatedOf(
	checkpoint: Checkpoint,
	{ question, answer }: Draft,
	decision: GateDecision,
	{ threshold, intercept }: Gate,
	framework: Framework,
): Gated {
	const savedTokens = decision.call ? 0 : tokensAsked(checkpoint, verdictText(framework, question, answer));
	return { ...decision, threshold, intercept, savedTokens };
}

/** A draft, and what a gate makes of it; null without one. */
export interface WrittenDraft {
	draft: Draft;
	decision: GateDecision | null;
}

/** What a speaker would say to each conversation, all in one batch; each ends with a turn of the user. */
export async function writeDrafts(
	{ model, tokenizer }: Checkpoint,
	lora: Lora | null,
	conversations: readonly (readonly ChatMessage[])[],
	options: {
		sampling: SamplingConfig;
		seeds: readonly number[];
		signal?: AbortSignal | undefined;
		onText?: OnText;
		/** Decides about each draft, where there is one. */
		gate?: Gate | null;
	},
): Promise<WrittenDraft[]> {
	const { sampling, seeds, signal, onText, gate } = options;
	const decide = gate && decideBy(gate);
	const prompts = conversations.map((turns) => tokenizer.chat([...turns], { addGenerationPrompt: true }));
	const text = (ids: readonly number[]) => tokenizer.decode([...ids]).trim();
	const { result: generations, shares } = await timed(prompts.length, () =>
		generate(model, lora, prompts, {
			...{ sampling, stopTokens: tokenizer.eosTokenIds, seeds: [...seeds] },
			...(onText && { onRow: (row, ids) => onText(row, text(ids)) }),
			...(gate && { noteOn: lineOf(gate, model.config.hiddenSize) }),
			...(signal && { signal }),
		}),
	);
	return generations.map(({ ids, finish, promptTokens, draws = null }, i) => {
		const [answer, ended] = [text(ids), finish === 'stop'];
		const cost = { ...shares({ read: 0, written: 0 }), read: promptTokens, written: ids.length };
		const decision = decide?.(featuresOf({ answer, ended, tokens: ids.length, draws })) ?? null;
		return { draft: { question: conversations[i]!.at(-1)!.content, answer, ended, cost }, decision };
	});
}

/** The newest turns that leave room for an answer, whole exchanges of them and the system's turn if there is one; how many others are forgotten. */
export function fittingTurns(
	{ model, tokenizer }: Checkpoint,
	turns: readonly ChatMessage[],
	{ maxNewTokens }: SamplingConfig,
): { fitting: ChatMessage[]; forgotten: number } {
	const told = turns.filter(({ role }, i) => role === 'system' && i === 0);
	let rest = turns.slice(told.length);
	const fits = () =>
		tokenizer.chat([...told, ...rest], { addGenerationPrompt: true }).length + maxNewTokens <= model.config.maxPositionEmbeddings;
	while (rest.length > 1 && !fits()) rest = rest.slice(2);
	return { fitting: [...told, ...rest], forgotten: turns.length - told.length - rest.length };
}

/** @throws QuestionError that says by how much the prompt is too long, and for whom */
function checkPrompt(checkpoint: Checkpoint, prompt: string, { maxNewTokens }: SamplingConfig, framework: Framework): void {
	if (prompt === '') throw new QuestionError('The prompt is empty. Type one first.');
	const positions = checkpoint.model.config.maxPositionEmbeddings;
	const forAnswer = tokensAsked(checkpoint, prompt) + maxNewTokens;
	const forJudge = Math.max(
		tokensAsked(checkpoint, verdictText(framework, prompt, '')) + maxNewTokens + 1,
		tokensAsked(checkpoint, alternativeText(framework, prompt)) + maxNewTokens,
	);
	const surplus = Math.max(forAnswer, forJudge) - positions;
	if (surplus <= 0) return;
	const reader = forJudge > forAnswer ? `the judge, who reads it with the framework “${framework.title}”,` : 'the model';
	throw new QuestionError(
		`The prompt is too long by ${surplus} tokens: ${reader} reads at most ${positions} tokens with an answer of ${maxNewTokens}. Leave out about ${surplus} of its ${checkpoint.tokenizer.encode(prompt).length} tokens.`,
	);
}
