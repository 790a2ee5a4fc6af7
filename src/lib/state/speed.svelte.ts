import { type BackendSpeed, emptyReport, parseSpeedReport, type SpeedPart, type SpeedReport } from '$lib/experiment/speed';
import type { BackendName } from '$lib/model/backend';
import { watchLifeline } from '$lib/worker/lifeline';
import type { LabEvent, SpeedEvent, SpeedRequests } from '$lib/worker/protocol';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import type { Memory } from './memory';
import type { WorkerPort } from './run.svelte';

/** Where the lab can compute, with the seconds that each is measured for: a GPU has more to load and to compile. Together half a minute. */
const TIMES: readonly (readonly [engine: BackendName, seconds: number])[] = [
	['wasm', 11],
	['webgpu', 17],
];
/** Work that was begun in time may take so many seconds longer before it is broken off. */
const GRACE = 2;
const TOTAL = TIMES.reduce((sum, [, seconds]) => sum + seconds, 0);

/** What is timed now. */
export interface Timing {
	engine: BackendName;
	/** Null while the engine starts. */
	part: SpeedPart | null;
}

/** How fast the reader's machine is, measured when it is asked for, and kept in this browser. */
export class Speed {
	report = $state.raw<SpeedReport | null>(null);
	timing = $state.raw<Timing | null>(null);
	/** Of the whole measurement, from 0 to 1. */
	progress = $state(0);
	secondsLeft = $state(0);
	fault = $state<string | null>(null);
	#cancel: (() => void) | null = null;

	constructor(
		private connect: () => WorkerPort,
		private checkpointUrl: (checkpoint: string) => string,
		private memory: Memory,
	) {
		this.report = parseSpeedReport(memory.read('speed'));
	}

	/** Measures each backend in a worker of its own, one after the other. What could not be measured is told in the report. */
	async measure(): Promise<void> {
		if (this.timing) return;
		this.fault = null;
		try {
			const report = await this.#measureAll(emptyReport(navigator.userAgent, navigator.hardwareConcurrency ?? null));
			if (report.backends.length === 0) throw new Error(report.missing.map(({ reason }) => reason).join(' '));
			this.report = report;
			this.memory.write('speed', JSON.stringify(report));
		} catch (error) {
			if ((error as Error).name !== 'AbortError') this.fault = (error as Error).message;
		} finally {
			this.timing = null;
		}
	}

	/** Stops it; the report so far stays. */
	cancel(): void {
		this.#cancel?.();
	}

	async #measureAll(done: SpeedReport): Promise<SpeedReport> {
		const end = performance.now() + 1000 * TOTAL;
		const tick = () => {
			this.secondsLeft = Math.max(0, (end - performance.now()) / 1000);
			this.progress = 1 - this.secondsLeft / TOTAL;
		};
		tick();
		const timer = setInterval(tick, 500);
		try {
			for (const [engine, seconds] of TIMES) {
				this.timing = { engine, part: null };
				await this.#measureOne(done.model, engine, seconds).then(
					(speed) => done.backends.push(speed),
					(error: Error) => {
						if (error.name === 'AbortError') throw error;
						done.missing.push({ backend: engine, reason: error.message });
					},
				);
			}
			return done;
		} finally {
			clearInterval(timer);
		}
	}

	/** What was measured until its time was over: of a machine so slow that the smallest work takes longer, only a part. */
	async #measureOne(model: string, engine: BackendName, seconds: number): Promise<BackendSpeed> {
		const port = this.connect();
		let sofar = null as BackendSpeed | null; // told by the worker
		const client = new WorkerClient<SpeedRequests, SpeedEvent | LabEvent>(port, (event) => {
			if (event.kind === 'timing') {
				sofar = event.sofar;
				this.timing = { engine, part: event.part };
			}
			if (event.kind === 'alive')
				void watchLifeline(event.lock, () => client.fail(new WorkerLostError('The browser ended the worker, perhaps for want of memory.')));
			if (event.kind === 'deviceLost') client.fail(new Error(`The GPU was lost (${event.reason}).`));
		});
		this.#cancel = () => client.fail(new DOMException('The reader has cancelled it.', 'AbortError'));
		const overdue = new Error(`Nothing could be measured in ${seconds} seconds.`);
		const timer = setTimeout(() => client.fail(overdue), 1000 * (seconds + GRACE));
		try {
			return await client.request('measure', { engine, checkpointUrl: this.checkpointUrl(model), seconds });
		} catch (error) {
			if (error === overdue && sofar) return { ...sofar, seconds: seconds + GRACE };
			throw error;
		} finally {
			clearTimeout(timer);
			this.#cancel = null;
			port.terminate();
		}
	}
}
