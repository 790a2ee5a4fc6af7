import type { MemoryFile } from '$lib/conscience/memory';
import { memoryFile, memoryLines, parseMemory } from '$lib/experiment/memoryFile';

/** What a memory knows, as lines, and what a file of it is called. */
export interface KnownLines {
	text: string;
	fileName: string;
}

/** What came, and what of it could not be used. */
export interface Known {
	file: MemoryFile;
	/** Answers with a better one that is agreed on. */
	better: number;
	contributors: number;
	faults: number;
	firstFault: string | null;
}

/**
 * Fetches what a memory knows now, to go with the next run as a file beside the experiment, which names it by its SHA-256: the run asks nobody
 * while it goes on, so it can be repeated, and works where there is no class server.
 */
export class TakingAlong {
	busy = $state(false);
	known = $state.raw<Known | null>(null);
	fault = $state<string | null>(null);

	/** `read` fetches what is known of the experiment's model; `use` sets the experiment by it. */
	constructor(
		private read: () => Promise<KnownLines>,
		private use: (file: MemoryFile) => void,
	) {}

	async fetch(): Promise<void> {
		if (this.busy) return;
		this.busy = true;
		this.known = this.fault = null;
		try {
			const { text, fileName } = await this.read();
			const { trajectories, faults } = await parseMemory(text);
			const [first] = faults;
			if (trajectories.length === 0 && first) throw new Error(`None of its lines can be used: line ${first.line}, ${first.message}.`);
			const names = trajectories.map(({ contributor }) => contributor);
			this.known = {
				file: await memoryFile(fileName, trajectories),
				better: trajectories.filter(({ alternativeAgreed }) => alternativeAgreed).length,
				contributors: names.filter((name, i) => names.indexOf(name) === i).length,
				faults: faults.length,
				firstFault: first ? `line ${first.line}: ${first.message}` : null,
			};
		} catch (error) {
			this.fault = (error as Error).message;
		}
		this.busy = false;
	}

	/** Lets the next run take along what came. */
	take(): void {
		if (this.known) this.use(this.known.file);
	}

	/** What came as it lies in a file: its SHA-256 is the one that was told. */
	bytes(): Uint8Array<ArrayBuffer> {
		return new TextEncoder().encode(memoryLines(this.known?.file.trajectories ?? []));
	}
}
