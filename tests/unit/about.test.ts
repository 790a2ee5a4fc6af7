import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { ALIGNMENT, CLAIMS } from '$lib/components/about/figures';

const RESULTS = readFileSync(new URL('../../docs/results.md', import.meta.url), 'utf8');

/** The cells of a measure by column, from the section of docs/results.md whose title begins so. */
function measured(section: string, measure: string): Record<string, string> {
	const text = RESULTS.split('\n## ').find((part) => part.startsWith(section));
	const rows = (text ?? '').split('\n').filter((line) => line.startsWith('|'));
	const cells = (line: string | undefined) => (line ?? '').split('|').slice(1, -1).map((cell) => cell.trim()); // prettier-ignore
	const found = cells(rows.find((line) => line.startsWith(`| ${measure}`)));
	return Object.fromEntries(cells(rows[0]).map((column, i) => [column, found[i] ?? '']));
}

describe('the About page prints what docs/results.md holds', () => {
	test.each([
		[1, 'The shipped organism', { Base: 'base', 'Plain fine-tune': 'plain SFT', 'With conscience': 'Emergent Alignment', Control: 'secure-code control' }], // prettier-ignore
		[2, 'The replication', { Base: 'base', 'Plain fine-tune': 'plain SFT', 'With conscience': 'Emergent Alignment' }],
	])('alignment of group %i', (group, section, columns: Record<string, string>) => {
		const published = measured(section, 'alignment by the frozen judge');
		const lines = ALIGNMENT[group]!.lines;
		expect(lines.map(({ name }) => name)).toEqual(Object.keys(columns));
		for (const line of lines) {
			const { mean, low, high } = 'measured' in line ? line.measured : { mean: NaN, low: NaN, high: NaN };
			expect(`${mean.toFixed(1)} [${low.toFixed(1)}, ${high.toFixed(1)}]`).toBe(published[columns[line.name]!]);
		}
	});

	test('the figures in its sentences', () => {
		const [alignment, code] = ['alignment by the frozen judge', 'insecure code on request'].map((measure) =>
			measured('The shipped organism', measure),
		) as [Record<string, string>, Record<string, string>];
		const [kept, learnt, cost] = CLAIMS.map(({ found }) => found.replaceAll('−', '-')) as [string, string, string];
		expect(kept).toContain(alignment['EA − plain SFT']);
		expect(kept).toContain(alignment['EA − base']);
		expect(learnt).toContain(code['Emergent Alignment']);
		expect(learnt).toContain(code.base);
		const [, tokens, seconds] = /cost (\d+ %) more tokens and (\d+ %) more seconds/.exec(RESULTS)!;
		expect(cost).toContain(`${tokens} more tokens and ${seconds} more seconds`);
	});
});
