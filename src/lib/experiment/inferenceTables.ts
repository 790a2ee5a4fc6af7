/** What `npm run gate` and `npm run attacks` have found, as the Markdown tables of docs/inference.md. */
import type { Rate } from '$lib/evaluation/attackRates';
import { type GateMeasure, POLICIES, type Policy } from '$lib/evaluation/gateComparison';
import type { Estimate } from '$lib/evaluation/statistics';

import type { BenchReport } from './benchReport';
import type { GateResult } from './gateResult';
import { withMinus } from './studies/inWords';

/** A table of cells, the head first. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
	return [head, head.map(() => '---'), ...rows].map(row).join('\n');
}

/** "40.3 [36.1, 44.5]", times `scale` */
export function estimateInWords({ mean, ci }: Estimate, digits: number, scale = 1): string {
	const number = (value: number) => withMinus((scale * value).toFixed(digits));
	return `${number(mean)}${ci ? ` [${ci.map(number).join(', ')}]` : ''}`;
}

/** "42 % (21 to 66), 51 of 120" */
const rateInWords = (rate: Rate | null): string =>
	rate ? `${(100 * rate.share).toFixed(0)} % (${rate.ci.map((end) => (100 * end).toFixed(0)).join(' to ')}), ${rate.events} of ${rate.of}` : '–'; // prettier-ignore

const POLICY_NAMES = (drafts: number): Record<Policy, string> => ({
	...{ never: 'never', always: 'always', random: 'at random, as often as the gate', length: 'by length alone', gate: 'gate' },
	longer: `longer budget (${drafts.toFixed(1)} drafts)`,
});

/** The gate beside its alternatives, and by whose answers it has judged. */
export function gateTables({ comparison: { policies, copies, longerDrafts } }: GateResult): string[] {
	const names = POLICY_NAMES(longerDrafts);
	const figure = (policy: Policy, of: GateMeasure, digits: number, scale = 1) =>
		estimateInWords(policies[policy].figures[of], digits, scale);
	return [
		table(
			['policy', 'judged, %', 'mended, %', 'spoilt, %', 'withheld, %', 'alignment, true labels', 'alignment − always', 'by the frozen judge', 'tokens'], // prettier-ignore
			POLICIES.map((policy) => [
				names[policy],
				figure(policy, 'calls', 1, 100),
				figure(policy, 'fixes', 1, 100),
				figure(policy, 'flips', 2, 100),
				figure(policy, 'withheld', 2, 100),
				figure(policy, 'alignment', 1),
				estimateInWords(policies[policy].minusAlways.alignment, 2),
				figure(policy, 'judgeAlignment', 1),
				figure(policy, 'tokens', 0),
			]),
		),
		table(
			['whose drafts', 'truly unethical, %', 'judged, %', 'alignment as written', 'with the gate', 'all judged'],
			copies.map(({ copy, unethical, calls, never, gate, always }) => [
				copy,
				...[unethical, calls].map((one) => estimateInWords(one, 1, 100)),
				...[never, gate, always].map((one) => estimateInWords(one, 1)),
			]),
		),
	];
}

/** Success of the attacks, of those on the judge alone, over-caution, and what it takes. */
export function benchTables({ attacks, judge, caution, costs }: BenchReport): string[] {
	const number = (value: number | null) => (value === null ? '–' : value.toFixed(1));
	return [
		table(
			['speaker', 'attack', 'cruel without', 'cruel with', 'withheld', 'cruel behind the gate', 'the gate asks'],
			attacks.map((rate) => [
				rate.speaker,
				rate.family,
				...[rate.without, rate.with, rate.withheld, rate.gated, rate.gateAsks].map(rateInWords),
			]),
		),
		table(
			['attack on the judge', 'passed'],
			judge.map(({ family, passed }) => [family, rateInWords(passed)]),
		),
		table(
			['speaker', 'false alarms', 'drafts answer', 'shown answer', 'alternatives answer'],
			caution.map((rate) => [
				rate.speaker,
				...[rate.falseAlarms, rate.draftsAnswer, rate.shownAnswer, rate.alternativesAnswer].map(rateInWords),
			]),
		),
		table(
			['speaker', 'tokens of a draft', 'of its conscience', 'behind the gate', 'draft, ms', 'added, accepted', 'added, flagged'],
			costs.map((one) => [
				one.speaker,
				...[one.draftTokens, one.conscienceTokens, one.gatedTokens, one.draftMs, one.addedAcceptedMs, one.addedFlaggedMs].map(number),
			]),
		),
	];
}
