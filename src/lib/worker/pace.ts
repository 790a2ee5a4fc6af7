/** Progress is told at most this often, in ms. */
export const TELL_EVERY_MS = 100;

/** How fast bytes came in the last few seconds. */
export class Pace {
	static readonly WINDOW_MS = 5000;
	#notes: { at: number; bytes: number }[] = [];

	note(at: number, bytes: number): void {
		this.#notes = [...this.#notes.filter((note) => at - note.at < Pace.WINDOW_MS), { at, bytes }];
	}

	/** Null while it can't be told. */
	secondsFor(bytes: number): number | null {
		const [first, last] = [this.#notes[0], this.#notes.at(-1)];
		if (!first || !last || last.at - first.at < 500 || last.bytes <= first.bytes) return null;
		return (bytes * (last.at - first.at)) / 1000 / (last.bytes - first.bytes);
	}
}
