/**
 * A worker that is killed (out of memory, `close()`, the browser's task manager) sends no event. A Web Lock does tell: the worker
 * holds one as long as it lives, and the page waits in line for it.
 */
export async function holdLifeline(onHeld: (lock: string) => void): Promise<void> {
	if (!('locks' in navigator)) return; // outside a secure context; then only errors that the worker reports are seen
	const lock = `lab-worker-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('')}`;
	await navigator.locks.request(lock, () => {
		onHeld(lock);
		return new Promise<never>(() => {});
	});
}

/** Calls `onDeath` once when the worker that holds `lock` has ended, for whatever reason. */
export async function watchLifeline(lock: string, onDeath: () => void): Promise<void> {
	await navigator.locks.request(lock, onDeath);
}
