import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { ChatRow } from '$lib/experiment/rows';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { BackendName, BackendReport } from '$lib/model/backend';

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
	engine: Engine;
	/** Absolute: a worker resolves a relative URL against its own script. */
	checkpointUrl: string;
}

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
	/** Back to step 0 with the same seed. */
	reset: { params: { runId: string }; result: void };
	/** The adapter as it is now, in PEFT's format, with the experiment beside it. */
	exportAdapter: { params: { runId: string }; result: { files: AdapterFolder } };
}
export type RequestKind = keyof Requests;

/** What the worker tells the page without being asked. */
export type LabEvent =
	/** The worker lives as long as the Web Lock of this name is held; no other sign tells a worker that was killed from a busy one. */
	| { kind: 'alive'; lock: string }
	| { kind: 'run'; runId: string; event: RunEvent }
	| { kind: 'download'; runId: string; loadedBytes: number; totalBytes: number | null }
	| { kind: 'deviceLost'; reason: string };

export type ToWorker = { [K in RequestKind]: { id: number; kind: K; params: Requests[K]['params'] } }[RequestKind];

/** An error crosses the boundary as data, with its name, so that the page can tell one kind from another. */
export interface WireError {
	name: string;
	message: string;
	stack?: string | undefined;
}

export type FromWorker =
	| { kind: 'result'; id: number; result: Requests[RequestKind]['result'] }
	| { kind: 'error'; id: number; error: WireError }
	| { kind: 'event'; event: LabEvent };
