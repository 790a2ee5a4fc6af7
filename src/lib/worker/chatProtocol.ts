import type { Framework } from '$lib/conscience/frameworks';
import type { Line } from '$lib/conscience/flag';
import type { Reply } from '$lib/conscience/reply';
import type { GivenAdapterFile } from '$lib/experiment/adapterFiles';
import type { BenchPrompt } from '$lib/experiment/attackBench';
import type { BenchReport } from '$lib/experiment/benchReport';
import type { ChatEvent } from '$lib/experiment/chat';
import type { Experiment } from '$lib/experiment/schema';
import type { BackendReport } from '$lib/model/backend';
import type { ChatMessage } from '$lib/model/tokenizer';

import type { Engine } from './protocol';

/** Where an adapter's two files are: beside the page at an absolute address, or in the page's hands. */
export type AdapterSource = { kind: 'address'; url: string } | { kind: 'files'; files: readonly GivenAdapterFile[] };

/** Who judges, in the worker itself or in the one that the page has connected. */
export type ChatJudge = 'frozen-self' | 'webllm';

/** A speaker, by the adapter that it has; null is the base alone. */
export interface SpeakerParams {
	id: string;
	adapter: string | null;
	turns: readonly ChatMessage[];
	conscience: boolean;
}

/** By what a conscience judges at inference. */
export interface ChatStandards extends Line {
	framework: Framework;
	judge: ChatJudge;
}

/** What the page may ask of a worker that holds a base and adapters, and no run. What is asked first is done first. */
export interface ChatRequests {
	/** Starts the backend and loads the experiment's base; adapters of another base are freed. */
	openChat: {
		params: { engine: Engine; experiment: Experiment; checkpointUrl: string };
		result: { backend: BackendReport; parameters: number };
	};
	/** Rejects with AdapterError where the files are none, or don't fit the base. */
	loadAdapter: { params: { adapter: string; source: AdapterSource }; result: void };
	freeAdapter: { params: { adapter: string }; result: void };
	/** Puts a prompt to the speakers; what they say comes as `chat` events. Rejects with QuestionError, and with AbortError when it is hushed. */
	say: {
		params: { id: string; prompt: string; speakers: readonly SpeakerParams[]; seed: number; standards: ChatStandards };
		result: { replies: Reply[] };
	};
	/** Attacks adapters (null is the base alone), with the world's own prompts or with these. Rejects as `say`; its progress comes as `bench` events. */
	attack: {
		params: {
			id: string;
			speakers: readonly { id: string; adapter: string | null }[];
			prompts: readonly BenchPrompt[] | null;
			samples: number;
			seed: number;
			standards: ChatStandards;
		};
		result: BenchReport;
	};
	/** Ends what `say` or `attack` of this id does, or is to do. */
	hush: { params: { id: string }; result: void };
}

/** What the worker tells meanwhile. */
export type ChatPageEvent = { kind: 'chat'; id: string; event: ChatEvent } | { kind: 'bench'; id: string; done: number; total: number };
