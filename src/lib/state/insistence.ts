import { StorageError, withRetry } from '$lib/storage/storageError';

/** A store that fails is tried again after so many ms. */
const RETRY_MS = 5000;

/**
 * Does works at the store one after the other, in the order in which they are asked for. One that fails is tried again until it comes off,
 * and the others wait for it; `onStanding` hears why, and null when all are done. What concerns a run that is gone is let be.
 */
export class Insistence {
	#works: { do: () => Promise<void>; creates: string | null }[] = [];
	#turn: Promise<void> = Promise.resolve();
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(private onStanding: (reason: string | null) => void) {}

	/** Something is still to be done. */
	get busy(): boolean {
		return this.#works.length > 0;
	}

	/** Settles when `work` is done, or waits for the store; `creates` is the run to which it gives its place. */
	do(work: () => Promise<void>, creates: string | null = null): Promise<void> {
		this.#works.push({ do: work, creates });
		return this.#tryAll();
	}

	/** These runs need no place any more; what else is to be done for them finds none, and is let be. */
	giveUp(ids: readonly string[]): void {
		this.#works = this.#works.filter(({ creates }) => creates === null || !ids.includes(creates));
	}

	#tryAll(): Promise<void> {
		clearTimeout(this.#timer);
		return (this.#turn = this.#turn.then(async () => {
			for (let work = this.#works[0]; work; work = this.#works[0]) {
				const fault = await faultOf(work.do);
				if (work !== this.#works[0]) continue; // it was given up meanwhile
				if (fault !== null) return this.#rest(fault);
				this.#works.shift();
				if (!this.busy) this.onStanding(null);
			}
		}));
	}

	#rest(fault: string): void {
		this.onStanding(withRetry(fault));
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#tryAll(), RETRY_MS);
	}
}

/** What the store says against it; null when it is done, or has become pointless. */
async function faultOf(work: () => Promise<void>): Promise<string | null> {
	try {
		await work();
		return null;
	} catch (error) {
		return error instanceof StorageError && error.fault === 'missing' ? null : (error as Error).message;
	}
}
