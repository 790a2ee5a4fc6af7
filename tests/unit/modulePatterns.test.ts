import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { patternValue, unreadablePattern } from '$lib/model/modulePatterns';

const path = 'model.layers.1.self_attn.q_proj';

describe("PEFT's patterns", () => {
	it.each<[string, boolean]>([
		['q_proj', true],
		['self_attn.q_proj', true],
		['model.layers.1.self_attn.q_proj', true],
		[String.raw`layers\.1\.self_attn\.q_proj`, true],
		[String.raw`layers\.\d+\..*(q|v)_proj`, true],
		['model.layers.[0-3].self_attn.q_proj', true],
		['^model.*proj', true],
		['^layers.*proj', false], // from the beginning of the path
		['proj', false], // only what follows a dot
		['q_pro', false],
		['layers.1', false], // all the way to the end
		['q|v_proj', false],
	])('%s', (key, matches) => {
		expect(unreadablePattern(key)).toBeNull();
		expect(patternValue({ [key]: 5 }, path, 1)).toBe(matches ? 5 : 1);
	});

	it('the first key that matches counts', () => {
		expect(patternValue({ k_proj: 2, 'self_attn.q_proj': 3, q_proj: 4 }, path, 1)).toBe(3);
		expect(patternValue(undefined, path, 1)).toBe(1);
	});

	it.each(['(a+)+', '(a|a)*b', '(?=a)b', String.raw`\1`, '[z-a]', '', 'a{9}', '.*.*.*.*', `${'a'.repeat(201)}`])('refuses %s', (key) => {
		expect(unreadablePattern(key)).toMatch(/./);
	});

	it('whatever is readable is matched at once', () => {
		const piece = fc.constantFrom('a', '.', '.*', '_proj', '(q|v)', '(a*|b)?', '[a-z]+', String.raw`\.`, '|', '^', '+', '(', '*');
		fc.assert(
			fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
				const key = pieces.join('');
				if (unreadablePattern(key) !== null) return;
				const start = performance.now();
				patternValue({ [key]: 2 }, 'a'.repeat(60), 1);
				expect(performance.now() - start).toBeLessThan(1000);
			}),
			{ numRuns: 500 },
		);
	});
});
