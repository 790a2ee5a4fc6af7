/**
 * PEFT's `rank_pattern` and `alpha_pattern`: a number for the modules that a key matches. A key is a regular expression which has to match the
 * module's whole path or what follows one of its dots, `^(.*\.)?(key)$`, and the first key that does counts (huggingface/peft,
 * src/peft/utils/other.py: get_pattern_key).
 */
import * as v from 'valibot';

export type ModulePattern = Readonly<Record<string, number>>;

const ATOM = String.raw`(?:[\w-]|\.|\\[.dw-]|\[[\w-]+\])`;
const SEQUENCE = `(?:${ATOM}[*+?]?)+`;
const GROUP = String.raw`\((?:\?:)?${SEQUENCE}(?:\|${SEQUENCE})*\)\??`;
/** What module names are matched by, and means the same in Python and here. */
const READABLE = new RegExp(String.raw`^\^?(?:${ATOM}[*+?]?|${GROUP})+(?:\|(?:${ATOM}[*+?]?|${GROUP})+)*\$?$`);
/** A few repetitions are looked for in no time; of many, a file could make a search without end. */
const MOST_REPEATS = 3;
const MOST_CHARACTERS = 200;

/** Why a key can't be followed here; null where it can. */
export function unreadablePattern(key: string): string | null {
	if (key.length > MOST_CHARACTERS) return `it has ${key.length} characters; at most ${MOST_CHARACTERS} are read`;
	if ((key.match(/[*+]/g) ?? []).length > MOST_REPEATS) return `it repeats more than ${MOST_REPEATS} times; write the modules out`;
	if (!READABLE.test(key))
		return 'only names, dots, sets of characters, alternatives in brackets and * + ? behind one character are read; write the modules out';
	try {
		matcherOf(key);
		return null;
	} catch (error) {
		return `it is no regular expression (${(error as Error).message})`;
	}
}

/** The number that a pattern has for the module at `path`; `otherwise` where no key matches. */
export function patternValue(pattern: ModulePattern | undefined, path: string, otherwise: number): number {
	for (const [key, value] of Object.entries(pattern ?? {})) if (matcherOf(key).test(path)) return value;
	return otherwise;
}

const matchers = new Map<string, RegExp>();
function matcherOf(key: string): RegExp {
	let matcher = matchers.get(key);
	if (!matcher) matchers.set(key, (matcher = new RegExp(String.raw`^(?:.*\.)?(?:${key})$`)));
	return matcher;
}

/** A key that can be followed here. */
export const ModuleKey = v.pipe(
	v.string(),
	v.check(
		(key) => unreadablePattern(key) === null,
		({ input }) => `its key ${JSON.stringify(input.slice(0, 100))} can't be followed: ${unreadablePattern(input)}`,
	),
);
