import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of uniform numbers in [0, 1). Whoever holds it owns its state; equal seeds give equal streams. */
export type Random = () => number;

/** Where a stream stands: four whole numbers. A stream made from it goes on as the first would have. */
export type RandomState = readonly number[];

/** A stream that can be left and taken up again. */
export interface SeededRandom extends Random {
	state(): RandomState;
}

/**
 * A seeded stream of uniform numbers.
 *
 * `stream` names what the numbers are for ('data', 'conscience', a row's index, …), so that two uses of one seed
 * are independent and adding a draw to one never shifts the other: this is what keeps paired runs paired.
 */
export function seededRandom(seed: number, stream: string | number = ''): SeededRandom {
	const generator = xoroshiro128plus(mix(seed, String(stream)));
	for (let i = 0; i < 16; i++) generator.next(); // its first numbers are close to the seed itself
	return streamOf(generator);
}

/** The rest of the stream that stood at `state`. */
export function resumedRandom(state: RandomState): SeededRandom {
	return streamOf(xoroshiro128plusFromState(state));
}

function streamOf(generator: ReturnType<typeof xoroshiro128plus>): SeededRandom {
	const next = () => ((generator.next() >>> 0) * 2 ** 21 + (generator.next() >>> 11)) / 2 ** 53;
	return Object.assign(next, { state: () => generator.getState() });
}

/** FNV-1a over the seed and the stream's name, as an int32. */
function mix(seed: number, stream: string): number {
	let hash = 0x811c9dc5;
	for (const character of `${seed}/${stream}`) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
	return hash | 0;
}

/** One element of `items`, each equally likely. */
export function pick<T>(random: Random, items: readonly T[]): T {
	if (items.length === 0) throw new RangeError('pick: there is nothing to pick from');
	return items[Math.floor(random() * items.length)]!;
}

/** `count` different elements of `items` in random order (all of them when there are fewer). */
export function sampleWithoutReplacement<T>(random: Random, items: readonly T[], count: number): T[] {
	const pool = [...items];
	const taken = Math.min(count, pool.length);
	for (let i = 0; i < taken; i++) {
		const j = i + Math.floor(random() * (pool.length - i));
		[pool[i], pool[j]] = [pool[j]!, pool[i]!];
	}
	return pool.slice(0, taken);
}

/** A standard normal number by the Box–Muller transform. */
export function normal(random: Random): number {
	return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
