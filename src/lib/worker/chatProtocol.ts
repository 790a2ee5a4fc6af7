import type { Framework } from '$lib/conscience/frameworks';
import type { Line } from '$lib/conscience/flag';
import type { Gate } from '$lib/conscience/gate';
import type { GivenAdapterFile } from '$lib/experiment/adapterFiles';
import type { BenchPrompt } from '$lib/experiment/attackBench';
import type { BenchReport } from '$lib/experiment/benchReport';
import type { ChatEvent, ChatReply } from '$lib/experiment/chat';
import type { Experiment } from '$lib/experiment/schema';
import type { Standing } from '$lib/experiment/standing';
import type { BackendReport } from '$lib/model/backend';
import type { ChatMessage } from '$lib/model/tokenizer';

import type { Engine } from './protocol';

/** Where an adapter's two files are: beside the page at an absolute address, or in the page's hands. */
export type AdapterSource = { kind: 'address'; url: string } | { kind: 'files'; files: readonly GivenAdapterFile[] };

/** What an adapter's files say that a reader should know. */
export interface AdapterNotes {
	/** What speaks against it, though it fits. */
	doubts: readonly string[];
	/** Null where it was not made by the lab. */
	standing: Standing | null;
}

/** Who judges, in the worker itself or in the one that the page has connected. */
export type ChatJudge = 'frozen-self' | 'webllm';

/** Whether a conscience reads what a speaker would say: never, always, or where the gate picks it. */
export type ConscienceUse = 'off' | 'always' | 'gated';

/** A speaker, by the adapter that it has; null is the base alone. */
export interface SpeakerParams {
	id: string;
	adapter: string | null;
	turns: readonly ChatMessage[];
	conscience: ConscienceUse;
}

/** The gate of those who are gated: the one that comes with the lab, or the reader's own. */
export type ChatGate = 'organism' | Gate;

/** By what a conscience judges at inference. */
export interface ChatStandards extends Line {
	framework: Framework;
	judge: ChatJudge;
}

/** What the page may ask of a worker that holds a base and adapters, and no run. What is asked first is done first. */
export interface ChatRequests {
	/** Starts the backend and loads the experiment's base; adapters of another base are freed. `weights` is their SHA-256. */
	openChat: {
		params: { engine: Engine; experiment: Experiment; checkpointUrl: string };
		result: { backend: BackendReport; parameters: number; weights: string };
	};
	/** Rejects with AdapterError where the files are none, or don't fit the base: with all reasons. */
	loadAdapter: { params: { adapter: string; source: AdapterSource }; result: AdapterNotes };
	freeAdapter: { params: { adapter: string }; result: void };
	/**
	 * Puts a prompt to the speakers; what they say comes as `chat` events. Rejects with QuestionError, with GateError where the gate doesn't fit the base,
	 * and with AbortError when it is hushed.
	 */
	say: {
		params: { id: string; prompt: string; speakers: readonly SpeakerParams[]; seed: number; standards: ChatStandards; gate: ChatGate };
		result: { replies: ChatReply[] };
	};
	/**
	 * Attacks adapters (null is the base alone), with the world's own prompts or with these, and tells what the gate would have had read: the lab's
	 * only on the base that it fits. Rejects as `say`; its progress comes as `bench` events.
	 */
	attack: {
		params: {
			id: string;
			speakers: readonly { id: string; adapter: string | null }[];
			prompts: readonly BenchPrompt[] | null;
			samples: number;
			seed: number;
			standards: ChatStandards;
			gate: ChatGate;
		};
		result: BenchReport;
	};
	/** Ends what `say` or `attack` of this id does, or is to do. */
	hush: { params: { id: string }; result: void };
}

/** What the worker tells meanwhile. */
export type ChatPageEvent = { kind: 'chat'; id: string; event: ChatEvent } | { kind: 'bench'; id: string; done: number; total: number };
