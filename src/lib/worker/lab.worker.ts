import { backend as tfBackend } from '@tensorflow/tfjs-core';
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { exchangeStates } from '$lib/conscience/exchangeStates';
import { baseJudge } from '$lib/experiment/baseJudge';
import type { RunEvent } from '$lib/experiment/events';
import { measureSpeed } from '$lib/experiment/measureSpeed';
import { createRun } from '$lib/experiment/runner';
import { selfJudged } from '$lib/experiment/selfJudged';
import { type BackendReport, checkDevice, startBackend } from '$lib/model/backend';
import { loadCheckpoint, loadTokenizer, type ReadFile } from '$lib/model/checkpoint';
import { isDropped } from '$lib/model/droppedName';
import { parseHubFolder } from '$lib/model/hubFolder';
import type { Sampling } from '$lib/model/sampling';
import { disposeModel } from '$lib/model/weights';
import { type FolderReading, readCheckpointFrom } from '$lib/storage/checkpointFiles';
import { readDroppedModel } from '$lib/storage/dropped/keep';
import { openJournal } from '$lib/storage/journal';
import { readHubFolder } from '$lib/storage/hub/hubFiles';
import { createModelFiles } from '$lib/storage/modelFiles';
import { readSnapshot } from '$lib/storage/runs';

import { chatHandlers } from './chatHandlers';
import type { ChatPageEvent, ChatRequests } from './chatProtocol';
import { type Prepare, runHandlers } from './handlers';
import { heldCheckpoint, readUnless } from './heldCheckpoint';
import { holdLifeline } from './lifeline';
import { portJudge } from './judgePort';
import { dataHandlers, type DataRequests } from './dataHandlers';
import type { Engine, LabEvent, Requests, SpeedEvent, SpeedRequests } from './protocol';
import { emitter, serve } from './rpc';
import type { StateRequests } from './stateProtocol';

const absolute = (url: string) => new URL(url, self.location.href).href;
/** setWasmPaths wants the URLs of all three builds; the threaded one is never asked for (model/kernels/wasmBuild.ts). */
const wasmPaths = {
	'tfjs-backend-wasm.wasm': absolute(wasmUrl),
	'tfjs-backend-wasm-simd.wasm': absolute(simdUrl),
	'tfjs-backend-wasm-threaded-simd.wasm': absolute(simdUrl),
};

const emit = emitter<LabEvent | SpeedEvent | ChatPageEvent>(self);
/** A worker keeps its engine for life (the page starts another worker for another engine) and its checkpoint until another is asked for. */
let started: Promise<BackendReport> | null = null;
const checkpointAt = heldCheckpoint(
	(read, { precision }) => loadCheckpoint(read, precision),
	({ model }) => disposeModel(model),
);
/** The judge in another worker, once the page has brought the two together. */
let judge: Requests['connectJudge']['params'] | null = null;
const files = createModelFiles();
/** Of a hub's model at one commit all files are kept in this browser, checked by what the hub says of them; one of the reader's own lies nowhere else. */
const folderAt = (url: string, options?: FolderReading): ReadFile => {
	if (isDropped(url)) return readDroppedModel(url, files, options);
	const name = parseHubFolder(url);
	return name ? readHubFolder(name, files, options) : readCheckpointFrom(url, files, options);
};
const outsideJudge = (sampling: Sampling) => judge && portJudge(judge.port, judge.identity, sampling);

const prepare: Prepare = async (
	{ runId, experiment, arm, rows, verdictFile, questions = null, memory = null, engine, checkpointUrl },
	signal,
) => {
	started ??= start(engine);
	const backend = await started;
	const onBytes = (loadedBytes: number, totalBytes: number | null) => emit({ kind: 'download', runId, loadedBytes, totalBytes });
	const key = { url: checkpointUrl, precision: experiment.model.precision };
	const checkpoint = await checkpointAt(key, readUnless(signal, folderAt(checkpointUrl, { signal, onBytes })));
	return {
		backend,
		parameters: checkpoint.parameterCount,
		createRun(signal, from) {
			const lab = { checkpoint, backend, rows: rows?.rows ?? null, verdictFile, questions, memory, signal, judge: outsideJudge };
			const run = createRun(experiment, arm, lab, from);
			return { ...run, events: blamingDevice(run.events) };
		},
		async merged(adapter, dtype) {
			const { mergedZip } = await import('./mergedZip');
			const { config } = checkpoint.model;
			return mergedZip({ read: folderAt(checkpointUrl), config, base: experiment.model.checkpoint, adapter }, dtype);
		},
		selfJudged: (answers) => selfJudged(experiment, checkpoint, answers),
	};
};

async function start(engine: Engine): Promise<BackendReport> {
	const report = await startBackend(engine, { wasmPaths });
	// A step that waits for a lost GPU may wait for ever, so the page is told at once.
	if (report.name === 'webgpu') {
		const { device } = tfBackend() as WebGPUBackend;
		void device.lost.then(({ message, reason }) => emit({ kind: 'deviceLost', reason: message || reason }));
	}
	return report;
}

/** The events, with an error of a GPU that is gone under the GPU's name, whatever tfjs makes of it. */
async function* blamingDevice(events: AsyncGenerator<RunEvent, void>): AsyncGenerator<RunEvent, void> {
	try {
		yield* events;
	} catch (error) {
		await new Promise((resolve) => setTimeout(resolve)); // the loss may be told just after what it broke
		checkDevice();
		throw error;
	}
}

void holdLifeline((lock) => emit({ kind: 'alive', lock }));
serve<Requests & SpeedRequests & ChatRequests & StateRequests & DataRequests>(self, {
	...runHandlers(prepare, emit, { openJournal, readSnapshot }, (met) => (judge = met)),
	...chatHandlers(async ({ engine, experiment, checkpointUrl }) => {
		started ??= start(engine);
		const backend = await started;
		const checkpoint = await checkpointAt({ url: checkpointUrl, precision: experiment.model.precision }, folderAt(checkpointUrl));
		const own = baseJudge(experiment, checkpoint);
		return { backend, checkpoint, judge: (engine) => (engine === 'webllm' ? outsideJudge(experiment.conscience.sampling) : own) };
	}, emit),
	async states({ engine, checkpointUrl, exchanges }) {
		started ??= start(engine);
		await started;
		const checkpoint = await checkpointAt({ url: checkpointUrl, precision: 'f32' }, folderAt(checkpointUrl));
		return { states: await exchangeStates(checkpoint, exchanges) };
	},
	...dataHandlers((url) => loadTokenizer(folderAt(url))),
	async measure({ engine, checkpointUrl, seconds }) {
		const begun = performance.now();
		started ??= start(engine);
		const backend = await started;
		const checkpoint = await loadCheckpoint(folderAt(checkpointUrl));
		const left = seconds - (performance.now() - begun) / 1000;
		return measureSpeed(checkpoint, backend, { seconds: left, onPart: (part, sofar) => emit({ kind: 'timing', part, sofar }) });
	},
});
