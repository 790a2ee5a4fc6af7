import { createHash } from 'node:crypto';
import { readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ALIASES: Readonly<Record<string, string>> = { $lib: 'src/lib', $world: 'organism/world' };
/** What a module takes in when it runs: imports and exports from others (types are left out) and files by their address. */
const TAKEN = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)|new URL\('([^']+)', import\.meta\.url\)/gm;

/**
 * SHA-256 over the text of a module, of all of this project's that it needs, and of the lock file, which says what packages they take in: runs
 * of one hash were made by the same code.
 */
export function sourceHash(entry: string): string {
	const hash = createHash('sha256').update(readFileSync(path.join(ROOT, 'package-lock.json')));
	for (const file of [...sourcesOf(path.join(ROOT, entry))].toSorted()) hash.update(path.relative(ROOT, file)).update(readFileSync(file));
	return hash.digest('hex');
}

function sourcesOf(entry: string): Set<string> {
	const seen = new Set<string>();
	const waiting = [entry];
	for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
		if (seen.has(file)) continue;
		seen.add(file);
		if (!/\.[jt]s$/.test(file)) continue;
		for (const [, ...named] of readFileSync(file, 'utf8').matchAll(TAKEN)) {
			const found = resolved(
				named.find((name) => name !== undefined)!,
				path.dirname(file),
			);
			if (found) waiting.push(found);
		}
	}
	return seen;
}

/** The file of this project that a module's name means; null for packages, and for folders. */
function resolved(name: string, from: string): string | null {
	const [first = '', ...rest] = name.split('/');
	const base = first in ALIASES ? path.join(ROOT, ALIASES[first]!, ...rest) : name.startsWith('.') ? path.resolve(from, name) : null;
	if (base === null) return null;
	const candidates = /\.\w+$/.test(base) ? [base] : [`${base}.ts`, path.join(base, 'index.ts')];
	return candidates.find((file) => existsSync(file)) ?? null;
}
