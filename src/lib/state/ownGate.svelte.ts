import { type Gate, readGate } from '$lib/conscience/gate';

/** A gate from a file of the reader's. */
export interface GivenGate {
	name: string;
	gate: Gate;
}

/** The reader's own gate, for as long as the page is open: pages that use one share it. */
export class OwnGate {
	given = $state.raw<GivenGate | null>(null);
	/** What was wrong with the last file. */
	fault = $state<string | null>(null);

	/** Reads a file, and has `check` look whether it can be used here; where it can't, the one before stays and `fault` says why. */
	async give(file: File, check: (gate: Gate) => Promise<void> = async () => {}): Promise<boolean> {
		this.fault = null;
		try {
			const gate = readGate(await file.text());
			await check(gate);
			this.given = { name: file.name, gate };
			return true;
		} catch (error) {
			this.fault = (error as Error).message;
			return false;
		}
	}

	drop(): void {
		this.given = this.fault = null;
	}
}

/** The one of this page. */
export const ownGate = new OwnGate();
