/** Who lets the frozen model read exchanges: one worker while it is wanted, another one when it is lost. */
import { describe, expect, it, vi } from 'vitest';

import { StateReader } from '$lib/state/stateReader';
import { serve } from '$lib/worker/rpc';
import type { StateRequests } from '$lib/worker/stateProtocol';

/** A worker in this thread; `read` is what it does with the exchanges that it is given. */
function workers(read: (asked: number) => Promise<void> = async () => {}) {
	const made: { terminate: ReturnType<typeof vi.fn>; port: MessagePort }[] = [];
	const reader = new StateReader(
		() => {
			const { port1, port2 } = new MessageChannel();
			serve<StateRequests>(port2, {
				async states({ exchanges, checkpointUrl }) {
					await read(exchanges.length);
					return { states: exchanges.map(({ answer }) => ({ revision: checkpointUrl, values: Float32Array.of(answer.length) })) };
				},
			});
			port1.start();
			port2.start();
			const terminate = vi.fn(() => port1.close());
			made.push({ terminate, port: port1 });
			return Object.assign(port1, { terminate });
		},
		(checkpoint) => `at/${checkpoint}`,
	);
	return { reader, made };
}

const exchanges = (n: number) => Array.from({ length: n }, (_, i) => ({ question: 'Why?', answer: 'x'.repeat(i) }));

describe('the reader of states', () => {
	it('reads in parts, in order, and tells how far it is', async () => {
		const { reader } = workers();
		const heard: number[] = [];
		const states = await reader.read('organism', exchanges(150), (read) => heard.push(read));
		expect(heard).toEqual([64, 128, 150]);
		expect(states.map(({ values }) => values[0])).toEqual(exchanges(150).map(({ answer }) => answer.length));
		expect(states[0]!.revision).toBe('at/organism');
	});

	it('keeps its worker while it is held, and ends it when it was read and nobody holds it', async () => {
		let held = Promise.resolve();
		const { reader, made } = workers(() => held);
		reader.hold();
		await reader.read('organism', exchanges(1));
		let go!: () => void;
		held = new Promise((resolve) => (go = resolve));
		const second = reader.read('organism', exchanges(2));
		reader.release(); // the page was left, and what was begun is read to its end
		expect(made[0]!.terminate).not.toHaveBeenCalled();
		go();
		expect(await second).toHaveLength(2);
		expect(made[0]!.terminate).toHaveBeenCalledOnce();
		await reader.read('organism', exchanges(1));
		expect(made).toHaveLength(2);
	});

	it('starts another worker where one was lost', async () => {
		let lost = true;
		const { reader, made } = workers(async () => {
			if (lost) made[0]!.port.dispatchEvent(new Event('messageerror'));
			lost = false;
		});
		reader.hold();
		await expect(reader.read('organism', exchanges(1))).rejects.toThrow('could not be read');
		expect(await reader.read('organism', exchanges(1))).toHaveLength(1);
		expect(made).toHaveLength(2);
	});
});
