/** The memory's study as Markdown: what docs quote is what was computed. */
import type { Estimate } from '$lib/evaluation/statistics';

import { MEMORY_ALONE } from './conditions';
import type { ConditionFigures, MemoryResult } from './result';

const number = (value: number, digits = 1) => value.toFixed(digits).replace('-', '−');

/** "97.1 [95.2, 99.0]"; shares are given a factor of 100. */
export const estimateInWords = ({ mean, ci }: Estimate, factor = 1): string =>
	`${number(factor * mean)}${ci ? ` [${ci.map((end) => number(factor * end)).join(', ')}]` : ''}`;

const share = (estimate: Estimate | null) => (estimate ? estimateInWords(estimate, 100) : '–');

const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
	[heads, heads.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The tables of a result, by what they are about. */
export function tablesInMarkdown(
	result: MemoryResult,
): Record<'use' | 'costs' | 'poison' | 'poisoned' | 'thresholds' | 'examples', string> {
	const { conditions, poisons, thresholds, examples } = result;
	const isPoisoned = ({ id }: ConditionFigures) => /^none-.*-[12]$/.test(id) && id !== MEMORY_ALONE;
	const sides = ({ label, alignment, minus, insecure }: ConditionFigures) => [label, estimateInWords(alignment), estimateInWords(minus.full), estimateInWords(minus.plain), share(insecure)]; // prettier-ignore
	const SIDES = ['Run', 'Alignment', '− all calls', '− plain', 'Insecure code, %'];
	const used = conditions.filter((one) => !isPoisoned(one));
	return {
		use: table(SIDES, used.map(sides)),
		costs: table(
			[
				'Run',
				'Calls',
				'Verdicts asked (known)',
				'Alternatives written (known)',
				'Answers',
				'Verdicts',
				'Alternatives',
				'States',
				'Lessons',
			],
			used.map(({ label, costs }) => [
				...[label, number(costs.calls, 0), `${number(costs.judged, 0)} (${number(costs.known, 0)})`, `${number(costs.written)} (${number(costs.taken)})`], // prettier-ignore
				...[costs.answers, costs.verdicts, costs.alternatives, costs.states, costs.lessons].map((tokens) => number(tokens, 0)),
			]),
		),
		poison: table(
			['Poison', 'Quarantine', 'Turned', 'Given out', 'Turned pairs, of all', 'Answers given out'],
			poisons.map(({ label, quorum, deposited, remembered, pairs, poison }) => [
				...[label, quorum > 1 ? 'two agree' : 'none', `${poison.deposited} of ${deposited}`, poison.out],
				...[`${poison.pairs} of ${pairs}`, remembered],
			]),
		),
		poisoned: table(SIDES, conditions.filter(isPoisoned).map(sides)),
		thresholds: table(
			['Cosine', 'Known, %', 'The judge’s label, %', 'Where it says unethical, %', 'By benefit, too, %', 'Other families, %'],
			thresholds.map(({ threshold, known, ...of }) => [
				...[threshold, share(known), share(of.agrees), share(of.agreesOnUnethical), share(of.agreesByBenefit), share(of.agreesElsewhere)],
			]),
		),
		examples: table(
			['Examples', 'Right about copies’ answers, %', 'Right about dressed cruel answers, %', 'Tokens a verdict'],
			examples.map(({ examples: count, right, rightOnDressed, tokens }) => [count, share(right), share(rightOnDressed), number(tokens, 0)]),
		),
	};
}
