/** Seconds that a piece of work took, once, on a machine that was warm. */
export interface Timing {
	/** The median of the repetitions. */
	seconds: number;
	least: number;
	most: number;
	repetitions: number;
	warmUps: number;
}

/** Work of one size, ready to be timed. */
export interface Piece {
	/** Does it so many times and waits for the result. */
	run(times: number): Promise<void>;
	free(): void;
}

/** The same work in several sizes, the smallest first. */
export interface Ladder {
	sizes: readonly number[];
	/** How much work a size is, in any unit. */
	work(size: number): number;
	open(size: number): Piece;
	/** May be done several times before its result is waited for: for work that takes less time than the waiting. */
	brief?: boolean;
}

export interface Climbed {
	reached: { size: number; timing: Timing }[];
	/** Sizes for which the time was too short. */
	leftOut: number[];
}

/** As often as a piece of work is timed at most. */
const MOST_REPETITIONS = 10;
/** Brief work is repeated until it takes as long as this, in ms, but no more often than that. */
const LEAST_MS = 20;
const MOST_AT_ONCE = 8;

/**
 * Times work in larger and larger sizes until `deadline` (by `now`, in ms): a size is begun only where the time of the one before it says
 * that a warm-up and a repetition of it will fit, and what time is left goes into repetitions of the last. The smallest is begun unless
 * the time is already over. @throws the signal's reason
 */
export async function climb(
	ladder: Ladder,
	deadline: number,
	{ now = () => performance.now(), signal }: { now?: () => number; signal?: AbortSignal } = {},
): Promise<Climbed> {
	const { sizes, brief = false } = ladder;
	const reached: Climbed['reached'] = [];
	let fits = now() < deadline;
	for (const [i, size] of sizes.entries()) {
		if (!fits) return { reached, leftOut: sizes.slice(i) };
		const piece = ladder.open(size);
		const time = async (times: number) => {
			signal?.throwIfAborted();
			const start = now();
			await piece.run(times);
			return (now() - start) / times;
		};
		try {
			await time(1);
			const once = await time(1);
			const atOnce = brief ? Math.max(1, Math.min(MOST_AT_ONCE, Math.ceil(LEAST_MS / once))) : 1;
			const samples = atOnce > 1 ? [await time(atOnce)] : [once];
			const larger = sizes[i + 1];
			fits = larger !== undefined && now() + (2 * once * ladder.work(larger)) / ladder.work(size) < deadline;
			while (!fits && samples.length < MOST_REPETITIONS && now() + samples[0]! * atOnce < deadline) samples.push(await time(atOnce));
			reached.push({ size, timing: timingOf(samples) });
		} finally {
			piece.free();
		}
	}
	return { reached, leftOut: [] };
}

/** What repetitions of `milliseconds` each come to. */
export function timingOf(milliseconds: readonly number[]): Timing {
	const seconds = milliseconds.map((ms) => ms / 1000);
	return { seconds: median(seconds), least: Math.min(...seconds), most: Math.max(...seconds), repetitions: seconds.length, warmUps: 1 };
}

/** The middle of the numbers, or of its two neighbours; NaN for none. */
export function median(numbers: readonly number[]): number {
	if (numbers.length === 0) return Number.NaN;
	const sorted = [...numbers].sort((a, b) => a - b);
	return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}
