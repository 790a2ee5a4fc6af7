import { readdirSync, readFileSync } from 'node:fs';

import { gunzipSync, strFromU8 } from 'fflate';
import { describe, expect, test } from 'vitest';

import { readGate } from '$lib/conscience/gate';
import type { BenchRows } from '$lib/experiment/attackBench';
import { parseReport } from '$lib/experiment/benchReport';
import { gateMemoryTable, parseGateMemory } from '$lib/experiment/gateMemory';
import { parseGateResult } from '$lib/experiment/gateResult';
import { benchTables, gateTables } from '$lib/experiment/inferenceTables';
import { tablesInMarkdown } from '$lib/experiment/memoryStudy/markdown';
import { parseMemoryResult } from '$lib/experiment/memoryStudy/result';
import { figureInWords } from '$lib/experiment/studies/inWords';
import { parseResult } from '$lib/experiment/studies/result';

import { modelTable, thriftTable } from './modelTable';

const root = new URL('../../', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, root), 'utf8');
/** "97.1 [95.2, 99.0]" */
const FIGURE = /−?\d+\.\d+ \[(?:at worst )?−?\d+\.\d+, (?:at worst )?−?\d+\.\d+\]/g;

/** Every figure of the studies, as their pages print it. */
function published(): Set<string> {
	const files = readdirSync(new URL('results/', root)).filter((name) => /^E\d+\.json$/.test(name));
	const findings = files.map((name) => parseResult(JSON.parse(textOf(`results/${name}`))).finding);
	const cells = findings.flatMap(({ tables }) => tables.flatMap(({ lines }) => lines.flatMap((line) => line.cells)));
	const texts = findings.flatMap(({ readings, lists }) => [...readings, ...lists.flatMap(({ rows }) => rows.flat())]);
	return new Set([...cells.map(figureInWords), ...texts].flatMap((text) => text.match(FIGURE) ?? []));
}

describe('figures with intervals in the documents are those of the studies’ results', () => {
	const known = published();
	test.each([
		['docs/results.md', /^# Results/],
		['docs/paper.md', /^# The paper/],
		['README.md', /^## What it finds/],
	])('%s', (name, section) => {
		const part = textOf(name)
			.split(/\n(?=## )/)
			.filter((text, _, all) => section.test(text) || section.test(all[0]!))
			.join('\n');
		const figures = part.match(FIGURE) ?? [];
		expect(figures.length).toBeGreaterThan(3);
		expect(figures.filter((figure) => !known.has(figure))).toEqual([]);
	});
});

describe('figures of the document on real models', () => {
	const text = textOf('docs/models.md');

	test('what they take is what the estimate says', () => {
		const cells = (lines: readonly string[]) => lines.map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+$/, '---')).join('|')); // prettier-ignore
		const tables = [...text.matchAll(/^\| model[^]*?\n\n/gm)].map(([table]) => cells(table.trim().split('\n')));
		expect(tables).toEqual([cells(modelTable()), cells(thriftTable())]);
	});

	test('what was measured of them is what the bench wrote', () => {
		type Row = { 'measured, bytes': number; 'estimate, bytes': number };
		const { rows } = JSON.parse(textOf('bench/results/modelMemory.json')) as { rows: (Row & { model: string; precision: string })[] };
		const said = (model: string, precision: string, column: keyof Row) => {
			const row = rows.find((row) => row.model === model && row.precision === precision)!;
			return (row[column] / 1e9).toFixed(2);
		};
		const measured = (model: string) => [said(model, 'f32', 'measured, bytes'), said(model, 'int8', 'measured, bytes')] as const;
		const [[small, rounded], [large, less]] = [measured('SmolLM2-135M'), measured('Qwen3-0.6B')];
		expect(text).toContain(
			`${small} GB for SmolLM2-135M in 32 bits and ${rounded} in 8, ${large} GB for Qwen3-0.6B in 32 bits and ${less} in 8`,
		);
		const estimates = ['SmolLM2-135M', 'Qwen3-0.6B'].flatMap((model) =>
			['f32', 'int8'].map((precision) => said(model, precision, 'estimate, bytes')),
		);
		expect(text).toContain(`The estimate says ${estimates.slice(0, 3).join(', ')} and ${estimates[3]}.`);
	});

	test('the alignments of the run are those of its summary', () => {
		type Figure = { mean: number; ci: [number, number] };
		const { arms, differences } = JSON.parse(textOf('examples/smollm2.summary.json')) as {
			arms: Record<string, { metrics: { alignment: Figure } }>;
			differences: { metrics: { alignment: Figure } }[];
		};
		const figures = [...Object.values(arms), ...differences].map(({ metrics: { alignment } }) => alignment);
		const inWords = figures.map(({ mean, ci }) =>
			`${mean.toFixed(1)} [${ci.map((end) => end.toFixed(1)).join(', ')}]`.replaceAll('-', '−'),
		);
		expect(text.match(FIGURE)?.length).toBe(3);
		expect(text.match(FIGURE)).toEqual(inWords);
	});
});

describe('tables of the document on inference are those of the results, cell by cell', () => {
	const cells = (text: string) =>
		text
			.split('\n')
			.filter((line) => line.startsWith('|'))
			.map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+$/, '---')).join('|')); // prettier-ignore
	const partOf = (head: string) => textOf('docs/inference.md').split(/\n(?=## )/).find((part) => part.startsWith(head))!; // prettier-ignore
	const gate = partOf('## The gate');
	const result = parseGateResult(JSON.parse(textOf('results/gate.json')));

	test('attacks', () => {
		expect(cells(partOf('## Under attack'))).toEqual(
			cells(benchTables(parseReport(JSON.parse(textOf('results/attacks.json')))).join('\n')),
		);
	});

	test('what is said of the cruel drafts that the gate lets pass', () => {
		const packed = readFileSync(new URL('results/attacks.rows.json.gz', root));
		const { prompts } = JSON.parse(strFromU8(gunzipSync(packed))) as BenchRows;
		const cruel = prompts.filter(({ set, draftLabel }) => set === 'attack' && draftLabel === 'unethical');
		const passed = cruel.filter(({ gateAsks }) => gateAsks === false);
		const overridden = passed.filter(({ family }) => family === 'framework-override');
		const alike = Math.max(...overridden.map(({ prompt }) => overridden.filter((one) => one.prompt === prompt).length));
		expect(partOf('## Under attack')).toContain(
			`all but ${passed.length} of the ${cruel.length.toLocaleString('en')} cruel drafts, though none that it was fitted on had been attacked; ${overridden.length} of the ${passed.length} follow a framework override, ${alike} of these the same question`,
		);
	});

	test('the gate, and what is said of it there and in the README', () => {
		const tables = gateTables(result).join('\n');
		expect(cells(gate)).toEqual(cells(tables));
		const readme = textOf('README.md').split(/\n(?=## )/).find((part) => part.startsWith('## A gate before the conscience'))!; // prettier-ignore
		const figure = /−?\d+(?:\.\d+)? \[−?\d+(?:\.\d+)?, −?\d+(?:\.\d+)?\]/g;
		for (const text of [gate, readme]) {
			const said = text.match(figure) ?? [];
			expect(said.length).toBeGreaterThan(3);
			expect(said.filter((one) => !tables.includes(one))).toEqual([]);
		}
	});

	test('gates with a memory', () => {
		const memory = parseGateMemory(JSON.parse(textOf('results/gateMemory.json')));
		const part = partOf('## A gate that looks into a memory');
		expect(cells(part)).toEqual(cells(gateMemoryTable(memory)));
		const figures = part.match(FIGURE) ?? [];
		expect(figures.filter((figure) => !gateMemoryTable(memory).includes(figure))).toEqual([]);
		expect(part).toContain(`${memory.memory.remembered} answers, of which ${memory.memory.unethical} were agreed to be unethical`);
		expect(part).toContain(`reads ${memory.stateTokens.toFixed(0)} tokens`);
	});

	test('the shipped gate is that of the results', () => {
		expect(readGate(textOf('src/lib/conscience/organismGate.json'))).toEqual(result.gate);
	});
});

test('figures in docs/memory.md are those of results/memory.json, to the letter of its tables', () => {
	const result = parseMemoryResult(JSON.parse(textOf('results/memory.json')));
	const tables = Object.values(tablesInMarkdown(result));
	const known = new Set(tables.flatMap((table) => table.match(FIGURE) ?? []));
	const text = textOf('docs/memory.md');
	const figures = text.match(FIGURE) ?? [];
	expect(figures.length).toBeGreaterThan(20);
	expect(figures.filter((figure) => !known.has(figure))).toEqual([]);
	const cells = (line: string) => line.split('|').map((cell) => cell.trim()).join('|'); // prettier-ignore
	const lines = new Set(text.split('\n').map(cells));
	for (const table of tables) for (const line of table.split('\n').filter((row) => !row.includes('---'))) expect([...lines]).toContain(cells(line)); // prettier-ignore
});
