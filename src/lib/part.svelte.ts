import { withStyles } from './styles';

/** A part of the page that nobody needs to read it and press Run: it comes after the first paint, or when it is asked for. */
export class Part<T> {
	/** Null until it has come. */
	here = $state.raw<T | null>(null);
	/** Why it did not come when it was last tried; null while it is tried again. */
	fault = $state<string | null>(null);
	#coming: Promise<void> | null = null;

	constructor(private fetch: () => Promise<T>) {}

	/** Fetches it where it is neither here nor on its way. Never rejects: `fault` tells what went wrong, and the next call tries again. */
	load(): Promise<void> {
		return (this.#coming ??= this.#take());
	}

	async #take(): Promise<void> {
		this.fault = null;
		try {
			this.here = await this.fetch();
		} catch (error) {
			this.fault = error instanceof Error ? error.message : String(error);
			this.#coming = null;
		}
	}
}

/** A part that is one component, which is its module's default. */
export const componentPart = <T>(load: () => Promise<{ default: T }>): Part<T> => new Part(withStyles(async () => (await load()).default));

/** Settles when the browser has painted what is on the page now, or after a second: a page in the background paints nothing. */
export const painted = (): Promise<void> =>
	new Promise((resolve) => {
		requestAnimationFrame(() => setTimeout(resolve));
		setTimeout(resolve, 1000);
	});

/** Fetches parts one after the other while the page has nothing else to do: what is asked for later is then at hand, also without a network. */
export async function loadWhenIdle(parts: readonly Part<unknown>[]): Promise<void> {
	for (const part of parts) {
		await idle();
		if (part.fault === null) await part.load(); // else whoever reads of it tries again
	}
}

const idle = (): Promise<void> =>
	new Promise((resolve) => {
		if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: 5000 });
		else setTimeout(resolve, 500);
	});
