/** The forms in which training data comes, each told by the keys that a record has. */
import * as v from 'valibot';

import type { ChatMessage } from '$lib/model/tokenizer';

import type { ChatRow } from './rows';

const text = v.string();
const Turn = v.object({ role: v.picklist(['system', 'user', 'assistant']), content: text });
const Turns = v.pipe(v.array(Turn), v.minLength(1, 'is empty, where turns were expected'));
const TextOrTurns = v.union([text, Turns], 'expected a text, or turns {"role": "system", "user" or "assistant", "content": …}');

/** Who speaks in ShareGPT's conversations. */
const SPEAKERS = { human: 'user', user: 'user', gpt: 'assistant', chatgpt: 'assistant', assistant: 'assistant', system: 'system' } as const;

interface Form {
	/** A record of this form has all of these. */
	keys: readonly string[];
	/** @throws ValiError for a value of another type; a text says what else is wrong */
	read: (json: unknown) => ChatRow | string;
}

/** In this order: a record may have the keys of several, as preference sets that hold `messages` beside their pair. */
const FORMS: readonly Form[] = [
	{ keys: ['chosen', 'rejected'], read: readPair },
	{ keys: ['messages'], read: (json) => rowOf(v.parse(v.object({ messages: v.array(Turn) }), json).messages) },
	{ keys: ['conversations'], read: readShareGpt },
	{ keys: ['prompt', 'completion'], read: readPromptCompletion },
	{ keys: ['instruction', 'output'], read: readAlpaca },
];

/** The columns by which a table is told, and those that may stand beside them. */
export const TABLE_FORMS: readonly (readonly string[])[] = FORMS.map(({ keys }) => keys).filter(
	([key]) => key !== 'messages' && key !== 'conversations',
);
export const TABLE_COLUMNS = [...TABLE_FORMS.flat(), 'input', 'system'];

/** What a record has to be, for a message. */
export const EXPECTED_ROW =
	'messages, or prompt and completion, or prompt, chosen and rejected, or instruction, input and output, or conversations';

const formOf = (json: object): Form | undefined => FORMS.find(({ keys }) => keys.every((key) => Object.hasOwn(json, key)));

/** True of a record that has the keys of a form, whatever is behind them. */
export const hasForm = (json: unknown): boolean => typeof json === 'object' && json !== null && formOf(json) !== undefined;

/** A record of any form as a row; a text says what is wrong with it. */
export function readRow(json: unknown): ChatRow | string {
	if (typeof json !== 'object' || json === null || Array.isArray(json)) return `is no object with ${EXPECTED_ROW}`;
	const form = formOf(json);
	if (!form) {
		const keys = Object.keys(json).slice(0, 8).map((key) => key.slice(0, 30)); // prettier-ignore
		return `has ${keys.length > 0 ? `the keys ${keys.join(', ')}` : 'no keys'}; expected ${EXPECTED_ROW}`;
	}
	try {
		return form.read(json);
	} catch (error) {
		if (!v.isValiError(error)) throw error;
		const [issue] = error.issues;
		return `${v.getDotPath(issue) ?? 'the row'}: ${issue.message}`;
	}
}

/** A row that is whole: a question, then an answer that holds something, and where there is one another that it is preferred to. */
function rowOf(messages: ChatMessage[], rejected?: string): ChatRow | string {
	if (messages.length < 2) return 'messages: needs a question and an answer';
	const { role, content } = messages.at(-1)!;
	if (role !== 'assistant') return 'messages: must end with an assistant turn, which is what is learnt';
	if (content.trim() === '') return 'messages: ends with an empty answer, so there is nothing to learn';
	if (rejected === undefined) return { messages };
	if (rejected.trim() === '') return 'rejected: is empty, so there is nothing that the chosen answer is preferred to';
	if (rejected === content) return 'chosen and rejected: are the same answer, so neither is preferred';
	return { messages, rejected };
}

const asked = (content: string): ChatMessage[] => [{ role: 'user', content }];
const asTurns = (prompt: string | ChatMessage[]): ChatMessage[] => (typeof prompt === 'string' ? asked(prompt) : prompt);

/** TRL's prompt and completion. A prompt that is a plain text is one user turn: the lab trains models for chat, in their own template. */
function readPromptCompletion(json: unknown): ChatRow | string {
	const { prompt, completion } = v.parse(v.object({ prompt: TextOrTurns, completion: TextOrTurns }), json);
	if (isBlank(prompt)) return 'prompt: is empty, so the completion answers nothing';
	const answer = answerOf(completion);
	return answer === null ? `completion: ${ONE_ANSWER}` : rowOf([...asTurns(prompt), { role: 'assistant', content: answer }]);
}

/** TRL's preference pairs. Where no prompt stands beside the answers, or a plain one beside conversations, the prompt is what both begin with. */
function readPair(json: unknown): ChatRow | string {
	const record = v.parse(v.object({ prompt: v.nullish(TextOrTurns), chosen: TextOrTurns, rejected: TextOrTurns }), json);
	const { prompt, chosen, rejected } = record;
	if (typeof chosen !== typeof rejected) return 'chosen and rejected: one is a text and the other turns; expected two alike';
	if (prompt != null && (typeof chosen === 'string' || typeof prompt !== 'string')) return pairOf(prompt, chosen, rejected);
	const shared = typeof chosen === 'string' ? sharedText(chosen, rejected as string) : sharedTurns(chosen, rejected as ChatMessage[]);
	return pairOf(chosen.slice(0, shared), chosen.slice(shared), rejected.slice(shared));
}

function pairOf(prompt: string | ChatMessage[], chosen: string | ChatMessage[], rejected: string | ChatMessage[]): ChatRow | string {
	if (isBlank(prompt)) return 'prompt: there is none, and chosen and rejected begin with nothing in common';
	const [better, worse] = [answerOf(chosen), answerOf(rejected)];
	if (better === null) return `chosen: ${ONE_ANSWER}`;
	if (worse === null) return `rejected: ${ONE_ANSWER}`;
	return rowOf([...asTurns(prompt), { role: 'assistant', content: better }], worse);
}

const ONE_ANSWER = 'expected one answer of the assistant after the prompt';
const isBlank = (prompt: string | ChatMessage[]) => (typeof prompt === 'string' ? prompt.trim() === '' : prompt.length === 0);

function answerOf(completion: string | ChatMessage[]): string | null {
	if (typeof completion === 'string') return completion;
	return completion.length === 1 && completion[0]!.role === 'assistant' ? completion[0]!.content : null;
}

/** How many characters two answers begin with in common; the space before the first other word is the answers', as in TRL. */
function sharedText(chosen: string, rejected: string): number {
	let at = 0;
	while (at < Math.min(chosen.length, rejected.length) && chosen[at] === rejected[at]) at++;
	return at > 0 && chosen[at - 1] === ' ' ? at - 1 : at;
}

/** How many turns two conversations begin with in common. */
function sharedTurns(chosen: ChatMessage[], rejected: ChatMessage[]): number {
	const differs = chosen.findIndex(({ role, content }, i) => rejected[i]?.role !== role || rejected[i].content !== content);
	return differs < 0 ? chosen.length : differs;
}

const Alpaca = v.object({
	instruction: text,
	input: v.nullish(text),
	output: text,
	system: v.nullish(text),
	history: v.nullish(v.array(v.tuple([text, text]))),
});

/** Alpaca's instruction, with its input below it; `system` and `history` are what LLaMA-Factory adds. */
function readAlpaca(json: unknown): ChatRow | string {
	const { instruction, input, output, system, history } = v.parse(Alpaca, json);
	const question = [instruction, input ?? ''].filter((part) => part.trim() !== '').join('\n\n');
	if (question === '') return 'instruction: is empty, so the output answers nothing';
	const earlier = (history ?? []).flatMap(([said, answered]): ChatMessage[] => [...asked(said), { role: 'assistant', content: answered }]);
	const before: ChatMessage[] = system?.trim() ? [{ role: 'system', content: system }] : [];
	return rowOf([...before, ...earlier, ...asked(question), { role: 'assistant', content: output }]);
}

/** ShareGPT's conversations. */
function readShareGpt(json: unknown): ChatRow | string {
	const From = v.picklist(Object.keys(SPEAKERS) as (keyof typeof SPEAKERS)[]);
	const Conversation = v.object({ conversations: v.array(v.object({ from: From, value: text })) });
	return rowOf(v.parse(Conversation, json).conversations.map(({ from, value }) => ({ role: SPEAKERS[from], content: value })));
}
