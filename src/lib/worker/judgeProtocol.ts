import type { Framework } from '$lib/conscience/frameworks';
import type { Exchange, JudgeIdentity, TokenCount, Verdict } from '$lib/conscience/judge';
import type { JudgeAdapter } from '$lib/conscience/judgePlan';
import type { ListedLook } from '$lib/conscience/listedModels';
import type { Sampling } from '$lib/model/sampling';

import type { FilesStanding } from './openInTurn';
import type { WireError } from './protocol';

/** Which model judges: a compiled folder at an absolute address, one of WebLLM's own list, or the one of that list that is the model called `name`. */
export type JudgeSource = { kind: 'folder'; url: string; name: string } | { kind: 'listed'; id: string } | { kind: 'twin'; name: string };

/** A model before its weights are fetched. */
export interface JudgeOutlook {
	identity: JudgeIdentity;
	adapter: JudgeAdapter;
	/** A sentence or two: what it needs of this machine. */
	fit: string;
	/** Of all its files, as far as they are known; and of those that are not here yet. */
	totalBytes: number;
	missingBytes: number;
	/** False where some sizes are not known: then it is more. */
	sizesKnown: boolean;
	/** Who would send them: 'huggingface.co'. */
	hosts: string[];
	/** Some of them are not the page's own. */
	elsewhere: boolean;
	/** False where the browser refuses to keep files: they are fetched each time. */
	kept: boolean;
}

export interface LoadedJudge extends JudgeOutlook {
	/** Which of the two compiled programs runs: for GPUs, or for CPUs that play one. */
	library: string;
	/** Prompt and answer together have at most so many tokens. */
	contextTokens: number;
	/** From the request on. */
	seconds: number;
}

/** What the page may ask of the judge's worker. A worker holds one judge. */
export interface JudgeRequests {
	/**
	 * What the model needs, by its smallest files; the judge so far goes on. Rejects with AbortError when it is cancelled, with the errors of
	 * model files (MissingFileError, DamagedFileError, StorageFullError, DownloadError), JudgeFolderError and JudgeFitError.
	 */
	look: { params: { source: JudgeSource }; result: JudgeOutlook };
	/** Loads the model in the place of the one so far, which is lost to whoever asked it. Rejects as `look`, and with JudgeError and JudgeLostError. */
	load: { params: { source: JudgeSource }; result: LoadedJudge };
	/** Ends `look` and `load`. What was downloaded stays. */
	cancel: { params: null; result: void };
	/** Frees the GPU. Whoever asks then gets JudgeLostError. */
	unload: { params: null; result: void };
	/** From now on the judge listens to this port: see judgePort.ts. */
	connect: { params: { port: MessagePort }; result: void };
	listed: { params: null; result: ListedLook[] };
}

/** How busy the judge is and how fast. */
export interface JudgeStanding {
	/** Requests that wait or run. */
	queue: number;
	/** Answered since it was loaded. */
	verdicts: number;
	alternatives: number;
	/** Over the last requests, while it worked; null until there is one. */
	verdictsPerSecond: number | null;
	tokensPerSecond: number | null;
}

/** What the worker tells the page without being asked. */
export type JudgeEvent =
	/** The worker lives as long as the Web Lock of this name is held. */
	| { kind: 'alive'; lock: string }
	| ({ kind: 'files' } & FilesStanding)
	/** Compiles shaders; `share` from 0 to 1. */
	| { kind: 'engine'; share: number }
	| { kind: 'standing'; standing: JudgeStanding }
	/** The judge is gone; the worker is there, and can load it again. */
	| { kind: 'lost'; reason: string };

/** What is put to the judge through a port, one item a message. */
export type JudgeItem =
	| { kind: 'verdict'; exchange: Exchange; framework: Framework }
	| { kind: 'alternative'; question: string; framework: Framework; seed: number; sampling: Sampling };
export interface JudgeAnswers {
	verdict: { verdict: Verdict; tokens: TokenCount };
	alternative: { answer: string; ended: boolean; tokens: TokenCount };
}

export type ToJudge = { id: number; item: JudgeItem } | { id: number; cancel: true };
export type FromJudge =
	/** First of all, and again never: the lifeline of the worker that judges. */
	{ alive: string } | { id: number; answer: JudgeAnswers[JudgeItem['kind']] } | { id: number; error: WireError };
