/**
 * How threads share the work of a kernel: the thread that trains puts up calls of the module's exports on a board in shared memory, and
 * whoever is free takes one. Plain JavaScript, because Node starts a thread from a file as it is.
 *
 * @typedef {(...numbers: number[]) => void} Kernel
 * @typedef {object} BoardCall
 * @property {number} kernel its place among the module's exports
 * @property {number[]} numbers what it gets
 * @property {number} room bytes of the room that each thread has for itself; where there is one, its address is the last number
 * @typedef {{ counters: Int32Array, places: Float64Array }} Board
 */

/** Calls that the board holds. */
export const PLACES = 64;
/** Numbers of a place: the export, how many numbers it gets, the room, and the numbers. */
const PLACE = 16;
const HEAD = 3;

/**
 * Counters: calls that were ever put up, and finished (both go round at 2³²); how many were put up last; whether one failed; and from OPEN on,
 * for each place, 1 until a thread takes the call there.
 */
const PUT = 0;
const FINISHED = 1;
const COUNT = 2;
const FAILED = 3;
const OPEN = 16;
const COUNTERS = OPEN + PLACES;

/** How long a thread watches a counter before it falls asleep over it, in ms: to be woken may take a third of that. */
const WATCH_MS = 0.4;

export const newBoard = () => new SharedArrayBuffer(4 * COUNTERS + 8 * PLACE * PLACES);

/** @param {SharedArrayBuffer} memory @returns {Board} */
export const openBoard = (memory) => ({
	counters: new Int32Array(memory, 0, COUNTERS),
	places: new Float64Array(memory, 4 * COUNTERS),
});

/** Puts up calls, PLACES at most, on a board on which all others are finished, and wakes the helpers. @param {Board} board @param {BoardCall[]} calls */
export function putCalls({ counters, places }, calls) {
	calls.forEach(({ kernel, numbers, room }, i) => {
		places.set([kernel, numbers.length, room], i * PLACE);
		places.set(numbers, i * PLACE + HEAD);
		Atomics.store(counters, OPEN + i, 1);
	});
	Atomics.store(counters, COUNT, calls.length);
	Atomics.add(counters, PUT, calls.length);
	Atomics.notify(counters, PUT);
}

/**
 * Takes one call after another and computes it, until none is left to take; that one failed is noted. A thread begins with its own share of
 * the calls: kernel after kernel that is the same rows, which its part of the cache then holds.
 * @param {Board} board @param {Kernel[]} kernels the module's exports @param {number} thread its number, from 0 @param {number} threads how many there are
 */
export function takeCalls(board, kernels, thread, threads) {
	const { counters } = board;
	const count = Atomics.load(counters, COUNT);
	const own = Math.floor((thread * count) / threads);
	for (let i = 0; i < count; i++) {
		const place = (own + i) % count;
		if (Atomics.compareExchange(counters, OPEN + place, 1, 0) !== 1) continue;
		try {
			compute(board, place * PLACE, kernels, thread);
		} catch {
			Atomics.store(counters, FAILED, 1);
		}
		Atomics.add(counters, FINISHED, 1);
		Atomics.notify(counters, FINISHED);
	}
}

/** @param {Board} board @param {number} at @param {Kernel[]} kernels @param {number} thread */
function compute({ places }, at, kernels, thread) {
	const [kernel, count, room] = /** @type {[number, number, number]} */ (/** @type {unknown} */ (places.subarray(at, at + HEAD)));
	const numbers = [...places.subarray(at + HEAD, at + HEAD + count)];
	if (room > 0) numbers.push(/** @type {number} */ (numbers.pop()) + thread * room);
	/** @type {Kernel} */ (kernels[kernel])(...numbers);
}

/**
 * Watches whether a counter soon moves on from a value, as it mostly does in a training step.
 * @param {Int32Array} counters @param {number} counter @param {number} value
 */
function isChangedSoon(counters, counter, value) {
	const end = performance.now() + WATCH_MS;
	do {
		for (let looks = 0; looks < 100; looks++) if (Atomics.load(counters, counter) !== value) return true;
	} while (performance.now() < end);
	return false;
}

/** A wait is cut into so many: a machine that falls asleep in one of them must not make a helper seem silent. */
const WAITS = 20;

/**
 * Waits until every call is finished: `done`, or `failed` where one of them did, which leaves nothing under way either. `silent` where none
 * was finished for so many milliseconds: a thread may still be at one, and write when it comes to itself.
 * @param {Board} board @param {number} patience @returns {'done' | 'failed' | 'silent'}
 */
export function waitForCalls({ counters }, patience) {
	for (let waits = 0; ;) {
		const finished = Atomics.load(counters, FINISHED);
		if (finished === Atomics.load(counters, PUT)) return Atomics.load(counters, FAILED) === 0 ? 'done' : 'failed';
		if (isChangedSoon(counters, FINISHED, finished)) waits = 0;
		else if (Atomics.wait(counters, FINISHED, finished, patience / WAITS) !== 'timed-out') waits = 0;
		else if (++waits === WAITS) return 'silent';
	}
}

/** A helper's life: it takes calls and waits for more, until it is ended. @param {Board} board @param {Kernel[]} kernels @param {number} thread @param {number} threads */
export function help(board, kernels, thread, threads) {
	const { counters } = board;
	for (;;) {
		const put = Atomics.load(counters, PUT);
		takeCalls(board, kernels, thread, threads);
		if (!isChangedSoon(counters, PUT, put)) Atomics.wait(counters, PUT, put);
	}
}
