/** How long a backend without a GPU may keep its thread before it lets messages in, in milliseconds. */
const PATIENCE_MS = 50;

let lastTurn = performance.now();

/**
 * Lets the thread's other events in, if it has been kept for long. Awaiting a tensor's data is not enough: on wasm and cpu it
 * resolves as a microtask, so that a worker in a loop would never see the message that asks it to stop.
 */
export async function yieldToEvents(): Promise<void> {
	if (performance.now() - lastTurn < PATIENCE_MS) return;
	await new Promise<void>((resolve) => {
		const { port1, port2 } = new MessageChannel(); // a timer would be held back by 4 ms
		port1.onmessage = () => {
			port1.close();
			resolve();
		};
		port2.postMessage(null);
	});
	lastTurn = performance.now();
}
