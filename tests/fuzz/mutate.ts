/** Damage: bytes and JSON as somebody's disk, line or malice may have left them. All of it follows from a seeded stream. */
import { pick, type Random } from '$lib/model/random';

const below = (random: Random, most: number) => Math.floor(random() * most);

/** What programs stumble over: edges of number types, names that objects have by themselves, halves of characters, patterns that never end. */
const STUMBLING: readonly unknown[] = [
	...[null, true, false, 0, -0, -1, 0.5, 1, 2, 255, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31), 1e21, 1e308],
	...['', ' ', 'a', '\u0000', '\ud800', '\uffff', '😀', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '../../etc/passwd'],
	...[
		'(a+)+$',
		'(\\p{L}|a)*\\d',
		'(?:(?:x*)*)*y',
		'[',
		'(',
		'(?<',
		'\\',
		'\\p{Foo}',
		'.*.*.*=',
		'(?i:a)',
		'{{',
		'{% for',
		'{% raw',
		'{{ x.y.z }}',
	],
	...[[], {}, [[]], [null], [0, 0], [1, -1], { type: 'Sequence' }, { type: 'FixedLength', length: 0 }, { Regex: '(a*)*b' }],
];
const LONG = 20_000;
const DEEP = 3000;

function stumbling(random: Random): unknown {
	const kind = random();
	if (kind < 0.02) return 'a'.repeat(LONG);
	if (kind < 0.04) return Array.from({ length: 1000 }, () => 2 ** 31 - 1);
	if (kind < 0.05) return JSON.parse('['.repeat(DEEP) + ']'.repeat(DEEP)) as unknown;
	if (kind < 0.25) return Math.floor((random() - 0.3) * 10 ** below(random, 18));
	return pick(random, STUMBLING);
}

/** One to eight bytes changed, put in, taken out, or a part of the file repeated, moved or cut off. */
export function damagedBytes(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
	let damaged = Uint8Array.from(bytes);
	for (let times = 1 + below(random, 3); times > 0; times--) {
		const [at, length] = [below(random, damaged.length + 1), below(random, 1 + Math.min(64, damaged.length))];
		const [before, part, rest] = [damaged.subarray(0, at), damaged.slice(at, at + length), damaged.subarray(at + length)];
		const noise = Uint8Array.from({ length: 1 + below(random, 8) }, () => (random() < 0.3 ? 0xff : below(random, 256)));
		const parts = pick(random, [
			[before, noise, damaged.subarray(Math.min(damaged.length, at + noise.length))],
			[before, noise, damaged.subarray(at)],
			[before, rest],
			[before, part, part, rest],
			[before],
		]);
		damaged = Uint8Array.from(parts.flatMap((piece) => [...piece]));
	}
	return damaged;
}

/** The value with one to three of its parts replaced, taken out, doubled, renamed or put a level deeper. */
export function damagedJson(value: unknown, random: Random): unknown {
	let damaged = value;
	for (let times = 1 + below(random, 3); times > 0; times--) damaged = changed(damaged, random);
	return damaged;
}

/** A text with another in it, or without a part of its own. */
function damagedString(value: string, random: Random): string {
	const at = below(random, value.length + 1);
	const put = random() < 0.7 ? String(pick(random, STUMBLING.filter((one) => typeof one === 'string'))) : ''; // prettier-ignore
	return value.slice(0, at) + put + value.slice(at + below(random, 4));
}

function changed(value: unknown, random: Random): unknown {
	const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
	if (typeof value === 'string' && random() < 0.5) return damagedString(value, random);
	if (keys.length === 0 || random() < 0.15) return random() < 0.2 ? [value] : stumbling(random);
	const key = pick(random, keys);
	if (Array.isArray(value)) {
		const list = value as unknown[];
		const at = Number(key);
		const kind = random();
		const items = kind < 0.2 ? [] : kind < 0.4 ? [value[at], value[at]] : [changed(value[at], random)];
		return [...list.slice(0, at), ...(items as unknown[]), ...list.slice(at + 1)];
	}
	const entries = Object.entries(value as object).flatMap(([name, held]: [string, unknown]): [string, unknown][] => {
		if (name !== key) return [[name, held]];
		const kind = random();
		if (kind < 0.1) return [];
		if (kind < 0.2) return [[String(pick(random, STUMBLING)), held]];
		return [[name, changed(held, random)]];
	});
	return Object.fromEntries(entries);
}

/** JSON text of a damaged value, now and then with damage to the text itself. */
export function damagedText(value: unknown, random: Random): string {
	const text = JSON.stringify(damagedJson(value, random)) ?? '';
	if (random() < 0.8) return text;
	return new TextDecoder().decode(damagedBytes(new TextEncoder().encode(text), random));
}
