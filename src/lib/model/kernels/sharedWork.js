/**
 * How threads share the work of a kernel: the thread that trains puts calls of the module's exports into a ring in shared memory, and
 * whoever is free takes the next one. Plain JavaScript, because Node starts a thread from a file as it is.
 *
 * @typedef {(...numbers: number[]) => void} Kernel
 * @typedef {object} RingCall
 * @property {number} kernel its place among the module's exports
 * @property {number[]} numbers what it gets
 * @property {number} room bytes of the room that each thread has for itself; where there is one, its address is the last number
 * @typedef {{ counters: Int32Array, places: Float64Array }} Ring
 */

/** Calls that the ring holds. */
export const PLACES = 64;
/** Numbers of a place: the export, how many numbers it gets, the room, and the numbers. */
const PLACE = 16;
const HEAD = 3;

/** Counters, of calls that were ever put into the ring, taken, and finished (they go round at 2³²); and whether a call failed. */
const PUT = 0;
const TAKEN = 1;
const FINISHED = 2;
const FAILED = 3;
const BYTES_OF_COUNTERS = 64;

export const newRing = () => new SharedArrayBuffer(BYTES_OF_COUNTERS + 8 * PLACE * PLACES);

/** @param {SharedArrayBuffer} memory @returns {Ring} */
export const openRing = (memory) => ({
	counters: new Int32Array(memory, 0, BYTES_OF_COUNTERS / 4),
	places: new Float64Array(memory, BYTES_OF_COUNTERS),
});

/** @param {number} count */
const placeOf = (count) => (count & (PLACES - 1)) * PLACE;

/** Puts calls, PLACES at most, into a ring in which all others are finished, and wakes the helpers. @param {Ring} ring @param {RingCall[]} calls */
export function putCalls({ counters, places }, calls) {
	const put = Atomics.load(counters, PUT);
	calls.forEach(({ kernel, numbers, room }, i) => {
		const at = placeOf(put + i);
		places.set([kernel, numbers.length, room], at);
		places.set(numbers, at + HEAD);
	});
	Atomics.store(counters, PUT, put + calls.length);
	Atomics.notify(counters, PUT);
}

/**
 * Takes one call after another and computes it, until none is left to take. That one failed is noted, for whoever waits for them.
 * @param {Ring} ring @param {Kernel[]} kernels the module's exports @param {number} thread counted from 0: which room is its own
 */
export function takeCalls(ring, kernels, thread) {
	const { counters } = ring;
	for (;;) {
		const taken = Atomics.load(counters, TAKEN);
		if (taken === Atomics.load(counters, PUT)) return;
		if (Atomics.compareExchange(counters, TAKEN, taken, (taken + 1) | 0) !== taken) continue; // another thread was quicker
		try {
			compute(ring, placeOf(taken), kernels, thread);
		} catch {
			Atomics.store(counters, FAILED, 1);
		}
		Atomics.add(counters, FINISHED, 1);
		Atomics.notify(counters, FINISHED);
	}
}

/** @param {Ring} ring @param {number} at @param {Kernel[]} kernels @param {number} thread */
function compute({ places }, at, kernels, thread) {
	const [kernel, count, room] = /** @type {[number, number, number]} */ (/** @type {unknown} */ (places.subarray(at, at + HEAD)));
	const numbers = [...places.subarray(at + HEAD, at + HEAD + count)];
	if (room > 0) numbers.push(/** @type {number} */ (numbers.pop()) + thread * room);
	/** @type {Kernel} */ (kernels[kernel])(...numbers);
}

/**
 * Waits until every call is finished: true; false where one of them failed, or none was finished for so many milliseconds.
 * @param {Ring} ring @param {number} patience
 */
export function waitForCalls({ counters }, patience) {
	for (;;) {
		const finished = Atomics.load(counters, FINISHED);
		if (finished === Atomics.load(counters, PUT)) return Atomics.load(counters, FAILED) === 0;
		if (Atomics.wait(counters, FINISHED, finished, patience) === 'timed-out') return false;
	}
}

/** A helper's life: it takes calls and waits for more, until it is ended. @param {Ring} ring @param {Kernel[]} kernels @param {number} thread */
export function help(ring, kernels, thread) {
	const { counters } = ring;
	for (;;) {
		const put = Atomics.load(counters, PUT);
		takeCalls(ring, kernels, thread);
		Atomics.wait(counters, PUT, put);
	}
}
