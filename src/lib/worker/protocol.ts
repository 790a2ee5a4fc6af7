import type { Exchange, JudgeIdentity } from '$lib/conscience/judge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { AdapterFolder, AdapterOptions } from '$lib/experiment/adapterFolder';
import type { Asked, AskedAnswer } from '$lib/experiment/ask';
import type { RunEvent } from '$lib/experiment/events';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import type { ChatRow } from '$lib/experiment/rows';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { SelfJudged } from '$lib/experiment/selfJudged';
import type { BackendSpeed, SpeedPart } from '$lib/experiment/speed';
import type { WorldSample } from '$lib/experiment/worldExchanges';
import type { BackendName, BackendReport } from '$lib/model/backend';

export type { Asked, AskedAnswer };

/** What is to compute: `auto` takes the best that the machine has. */
export type Engine = 'auto' | BackendName;

/** The user's own training rows: they travel beside the experiment, never in the link. */
export interface Rows {
	fileName: string;
	rows: ChatRow[];
}

/** What a run in a worker stands at. */
export type RunStatus = 'paused' | 'finished' | 'cancelled';

export interface OpenParams {
	runId: string;
	experiment: Experiment;
	arm: ArmId;
	rows: Rows | null;
	/** The user's verdicts, where the experiment is judged by them. */
	verdictFile: VerdictFile | null;
	/** The user's questions, where the experiment asks them. */
	questions?: QuestionFile | null;
	/** What a class has reviewed before, where the experiment takes it along. */
	memory?: MemoryFile | null;
	engine: Engine;
	/** Absolute: a worker resolves a relative URL against its own script. */
	checkpointUrl: string;
	/** Where the run is kept as it goes (`RunHeader.id`, in the store by the first play or step); null keeps nothing. */
	keepAs: string | null;
	/** The place in the store from which the run goes on, at its last snapshot; null, and a place without a snapshot, begin at step 0. */
	resumeFrom: string | null;
}

/** In what numbers a merged model is written. */
export type MergedDtype = 'F32' | 'BF16';

/** What the page may ask of a worker: one row for each request, its parameters and its answer. A worker holds one run. */
export interface Requests {
	/** Starts the backend, loads the checkpoint and prepares the run; nothing is trained yet. Rejects with AbortError when it is cancelled. */
	open: { params: OpenParams; result: { backend: BackendReport; parameters: number } };
	/** Goes on until the run is finished, paused or cancelled; answers with which it was. */
	play: { params: { runId: string }; result: { status: RunStatus } };
	/** Goes on until one more optimizer step is done, with whatever belongs to it. */
	step: { params: { runId: string }; result: { status: RunStatus } };
	/** Asks a run that plays to stop after the event it is at. */
	pause: { params: { runId: string }; result: void };
	/** Stops in mid-work; what was computed stays and can be exported. */
	cancel: { params: { runId: string }; result: void };
	/**
	 * From the next step on, with these settings. Rejects, and changes nothing, with RunStateError when the run is over or a field differs
	 * that needs a run from step 0, and with ExperimentError when a framework is too long for the model, or a file of verdicts is not there.
	 */
	adjust: { params: { runId: string } & Pick<OpenParams, 'experiment' | 'verdictFile'>; result: void };
	/** A rest after every step of `play`, in ms, from now on: 0 is as fast as it goes. */
	pace: { params: { runId: string; restMs: number }; result: void };
	/**
	 * Asks a question of the reader's own between two events or at rest; the texts come as `asked` events as they are written.
	 * Rejects with QuestionError when the question is empty or too long, and with AbortError when the run is cancelled meanwhile.
	 */
	ask: { params: { runId: string; askId: string; question: string; who: Asked[]; seed: number }; result: { answers: AskedAnswer[] } };
	/** From now on the judge outside of the trainer is the one at the other end of `port`. */
	connectJudge: { params: { port: MessagePort; identity: JudgeIdentity }; result: void };
	/** Lets the frozen copy in the trainer judge these answers, or answers of the organism's world; between two events or at rest. */
	selfJudged: { params: { runId: string; answers: WorldSample | readonly Exchange[] }; result: SelfJudged };
	/** The adapter as it is now, in PEFT's format, with the experiment beside it. */
	/** The adapter as it is now in its base, as a zip. Rejects with AdapterError where that is too large, and as whoever reads the base. */
	exportMerged: { params: { runId: string; dtype: MergedDtype }; result: { zip: Blob } };
	exportAdapter: { params: { runId: string } & AdapterOptions; result: { files: AdapterFolder } };
}
export type RequestKind = keyof Requests;

/** What the worker tells the page without being asked. */
export type LabEvent =
	/** The worker lives as long as the Web Lock of this name is held; no other sign tells a worker that was killed from a busy one. */
	| { kind: 'alive'; lock: string }
	| { kind: 'run'; runId: string; event: RunEvent }
	| { kind: 'download'; runId: string; loadedBytes: number; totalBytes: number | null }
	/** The text so far of an answer to a reader's own question. */
	| { kind: 'asked'; runId: string; askId: string; who: Asked; text: string }
	/** The run can't be kept (the store is full, or was refused) and goes on all the same; null when it is kept again, with all that it told. */
	| { kind: 'notKept'; runId: string; reason: string | null }
	| { kind: 'deviceLost'; reason: string };

/** What may be asked of a worker that holds no run: how fast its engine is. To cancel it, end the worker. */
export interface SpeedRequests {
	/** Takes about so many seconds, those of starting and loading among them. */
	measure: { params: { engine: BackendName; checkpointUrl: string; seconds: number }; result: BackendSpeed };
}

/** What is timed next, and what is measured so far. */
export interface SpeedEvent {
	kind: 'timing';
	part: SpeedPart;
	sofar: BackendSpeed;
}

/** What may be asked of a worker: for each kind of request what goes in and what comes out. */
export type RequestTable<R> = { [K in keyof R]: { params: unknown; result: unknown } };
export type ToWorker<R extends RequestTable<R> = Requests> = { [K in keyof R]: { id: number; kind: K; params: R[K]['params'] } }[keyof R];

/** An error crosses the boundary as data, with its name, so that the page can tell one kind from another. */
export interface WireError {
	name: string;
	message: string;
	stack?: string | undefined;
}

export type FromWorker<R extends RequestTable<R> = Requests, E = LabEvent> =
	| { kind: 'result'; id: number; result: R[keyof R]['result'] }
	| { kind: 'error'; id: number; error: WireError }
	| { kind: 'event'; event: E };
