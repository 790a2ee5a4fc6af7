/** Work of which one piece is under way at a time: a later one ends it, and begins once it has ended. */
export function oneAtATime() {
	let underWay: { controller: AbortController; ended: Promise<unknown> } | null = null;
	return {
		async begin<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
			const before = underWay;
			const controller = new AbortController();
			before?.controller.abort();
			const working = (async () => {
				await before?.ended;
				controller.signal.throwIfAborted();
				return work(controller.signal);
			})();
			const mine = { controller, ended: working.catch(() => {}) };
			underWay = mine;
			try {
				return await working;
			} finally {
				if (underWay === mine) underWay = null;
			}
		},
		/** Ends what is under way, and waits for that. */
		async cancel(): Promise<void> {
			underWay?.controller.abort();
			await underWay?.ended;
		},
	};
}
