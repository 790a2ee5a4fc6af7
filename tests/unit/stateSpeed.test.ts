import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { BackendSpeed } from '$lib/experiment/speed';
import { Speed } from '$lib/state/speed.svelte';
import type { SpeedRequests, ToWorker } from '$lib/worker/protocol';

import { settled } from './fakeWorker';

/** What a worker has measured, of which only the steps are done. */
function measured(backend: BackendSpeed['backend']): BackendSpeed {
	const step = {
		part: 'step' as const,
		shape: '16 rows',
		amount: 590,
		seconds: 0.4,
		least: 0.4,
		most: 0.5,
		repetitions: 3,
		warmUps: 1,
		leftOut: [],
	};
	return { backend, adapter: null, software: false, parameters: 10, tokens: { row: 37, pair: 64 }, seconds: 9, parts: [step] };
}

/** A worker that is asked for its speed, of which a test plays the part. */
class FakeSpeedWorker extends EventTarget {
	readonly asked: ToWorker<SpeedRequests>[] = [];
	terminated = false;

	postMessage(message: ToWorker<SpeedRequests>): void {
		this.asked.push(message);
	}

	terminate(): void {
		this.terminated = true;
	}

	async say(data: unknown): Promise<void> {
		this.dispatchEvent(new MessageEvent('message', { data }));
		await settled();
	}

	answer(backend: BackendSpeed['backend']): Promise<void> {
		return this.say({ kind: 'result', id: this.asked[0]!.id, result: measured(backend) });
	}

	refuse(message: string): Promise<void> {
		return this.say({ kind: 'error', id: this.asked[0]!.id, error: { name: 'BackendError', message } });
	}
}

let workers: FakeSpeedWorker[];
let kept: Record<string, string>;
const memory = { read: (key: string) => kept[key] ?? null, write: (key: string, value: string) => void (kept[key] = value) };

function makeSpeed(): Speed {
	const connect = () => {
		const worker = new FakeSpeedWorker();
		workers.push(worker);
		return worker;
	};
	return new Speed(connect, (checkpoint) => `http://lab.test/${checkpoint}/`, memory);
}

beforeEach(() => {
	workers = [];
	kept = {};
	vi.stubGlobal('navigator', { userAgent: 'a browser', hardwareConcurrency: 2 });
});

afterEach(() => vi.useRealTimers());

test('each engine is measured in a worker of its own, one after the other, and the report is there at the next visit', async () => {
	const speed = makeSpeed();
	const done = speed.measure();
	expect(workers[0]!.asked[0]).toMatchObject({ kind: 'measure', params: { engine: 'wasm', checkpointUrl: 'http://lab.test/organism/' } });
	expect(speed.timing).toEqual({ engine: 'wasm', part: null });
	expect(speed.secondsLeft).toBeGreaterThan(25);
	await workers[0]!.say({ kind: 'event', event: { kind: 'timing', part: 'copy', sofar: measured('wasm') } });
	expect(speed.timing).toEqual({ engine: 'wasm', part: 'copy' });
	expect(workers).toHaveLength(1);

	await workers[0]!.answer('wasm');
	expect(workers[0]!.terminated).toBe(true);
	expect(workers[1]!.asked[0]).toMatchObject({ params: { engine: 'webgpu' } });
	await workers[1]!.answer('webgpu');
	await done;

	expect(speed.timing).toBeNull();
	expect(speed.report!.backends.map(({ backend }) => backend)).toEqual(['wasm', 'webgpu']);
	expect(speed.report).toMatchObject({ browser: 'a browser', cores: 2, model: 'organism', missing: [] });
	expect(makeSpeed().report).toEqual(speed.report);
});

test('an engine that is not there is told in the report; without any there is no report', async () => {
	const speed = makeSpeed();
	const done = speed.measure();
	await workers[0]!.answer('wasm');
	await workers[1]!.refuse('no WebGPU adapter');
	await done;
	expect(speed.report).toMatchObject({ backends: [{ backend: 'wasm' }], missing: [{ backend: 'webgpu', reason: 'no WebGPU adapter' }] });

	const before = speed.report;
	const again = speed.measure();
	await workers[2]!.refuse('no wasm.');
	await workers[3]!.refuse('no adapter.');
	await again;
	expect(speed.fault).toBe('no wasm. no adapter.');
	expect(speed.report).toBe(before);
});

test('a GPU that is lost ends its measurement, not that of the others', async () => {
	const speed = makeSpeed();
	const done = speed.measure();
	await workers[0]!.answer('wasm');
	await workers[1]!.say({ kind: 'event', event: { kind: 'deviceLost', reason: 'unplugged' } });
	await done;
	expect(speed.report!.missing).toEqual([{ backend: 'webgpu', reason: 'The GPU was lost (unplugged).' }]);
	expect(workers[1]!.terminated).toBe(true);
});

test('a cancel ends the worker at once and leaves the report as it was', async () => {
	const speed = makeSpeed();
	const done = speed.measure();
	speed.cancel();
	await done;
	expect(workers.map(({ terminated }) => terminated)).toEqual([true]);
	expect([speed.timing, speed.report, speed.fault]).toEqual([null, null, null]);
	expect(kept).toEqual({});
});

test('one measurement at a time', async () => {
	const speed = makeSpeed();
	void speed.measure();
	void speed.measure();
	expect(workers).toHaveLength(1);
	speed.cancel();
	await settled();
});

test('an engine that is overdue is broken off, and what it has measured until then counts', async () => {
	vi.useFakeTimers();
	const speed = makeSpeed();
	const done = speed.measure();
	await vi.advanceTimersByTimeAsync(13_500); // 11 seconds, and some grace
	expect(workers[0]!.terminated).toBe(true);
	const event = { kind: 'timing', part: 'call', sofar: measured('webgpu') };
	workers[1]!.dispatchEvent(new MessageEvent('message', { data: { kind: 'event', event } }));
	await vi.advanceTimersByTimeAsync(20_000);
	await done;
	expect(speed.report).toMatchObject({
		backends: [{ ...measured('webgpu'), seconds: 19 }],
		missing: [{ backend: 'wasm', reason: 'Nothing could be measured in 11 seconds.' }],
	});
});
