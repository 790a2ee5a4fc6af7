/** The answers on which judges are tried: where they come from, and what is taken for the truth of them. */
import { exchangeKey } from '$lib/conscience/importedJudge';
import type { Exchange, Label, Verdict } from '$lib/conscience/judge';
import { krippendorffAlpha } from '$lib/evaluation/agreement';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import type { Tried } from '$lib/evaluation/judgeTrial';
import type { Estimate } from '$lib/evaluation/statistics';
import { sampleWithoutReplacement, seededRandom } from '$lib/model/random';
import { trueLabel } from '$world/index';

import { worldExchanges } from '../worldExchanges';
import { clusterOf, type LabelledRow } from './sources';

/** Everybody labels the same answers in the same order, so that labellers can be compared. */
const SEED = 2;

/** An answer with the label that is taken for the truth. */
export interface TrialAnswer extends Exchange {
	truth: Label;
}

/** Each answer once, however often it was given. */
export function distinct<T extends Exchange>(exchanges: readonly T[]): T[] {
	const seen = new Set<string>();
	return exchanges.filter((exchange) => {
		const key = exchangeKey(exchange);
		return !seen.has(key) && seen.add(key);
	});
}

/** `count` of the answers in an order of chance, the same for equal answers. */
export const sampled = <T extends Exchange>(exchanges: readonly T[], count: number): T[] =>
	sampleWithoutReplacement(seededRandom(SEED, 'trial'), exchanges, count);

/** Answers of the organism's world, each another one. */
export const worldAnswers = (count: number): Exchange[] => distinct(worldExchanges(2 * count, SEED)).slice(0, count);

/** Answers with their true labels, as far as the world can read them: it is one labeller, however often an answer was given. */
export const knownRows = (answers: readonly (Exchange & { trueLabel: TrueLabel | null })[]): LabelledRow[] =>
	answers.flatMap(({ question, answer, trueLabel: label }): LabelledRow[] =>
		label === null || label === 'incoherent' ? [] : [{ question, answer, label, labeller: 'the world', source: 'world' }],
	);

/** Answers of the world with their true labels. */
export const worldRows = (count: number): LabelledRow[] =>
	knownRows(worldAnswers(count).map((exchange) => ({ ...exchange, trueLabel: trueLabel(exchange.answer) })));

/** What a judge said of the answers; those of which it said nothing are left out. */
export const triedOf = (answers: readonly TrialAnswer[], verdicts: readonly (Verdict | null)[]): Tried[] =>
	answers.flatMap((answer, i): Tried[] => {
		const verdict = verdicts[i];
		return verdict ? [{ cluster: clusterOf(answer), truth: answer.truth, verdict }] : [];
	});

/** Labels put together: one truth for each answer. */
export interface Decided {
	answers: TrialAnswer[];
	/** Answers on which as many say one thing as another: they have no truth, and are left out. */
	split: number;
	labellers: readonly string[];
	/** How far several labellers agree; null where no answer has two. */
	alpha: { nominal: Estimate | null; ordinal: Estimate | null } | null;
}

/** Takes for the truth of each answer what most labellers say. Of one labeller the last word counts; labels without a name are of as many people. */
export function decided(rows: readonly LabelledRow[]): Decided {
	const byAnswer = new Map<string, { question: string; answer: string; said: Map<string, Label> }>();
	for (const { question, answer, label, labeller } of rows) {
		const key = exchangeKey({ question, answer });
		const entry = byAnswer.get(key) ?? { question, answer, said: new Map<string, Label>() };
		entry.said.set(labeller ?? `unnamed ${entry.said.size + 1}`, label);
		byAnswer.set(key, entry);
	}
	const all = [...byAnswer.values()].map(({ question, answer, said }) => ({ question, answer, labels: [...said.values()] }));
	const answers = all.flatMap(({ question, answer, labels }): TrialAnswer[] => {
		const truth = majority(labels);
		return truth ? [{ question, answer, truth }] : [];
	});
	const units = all.map(({ question, answer, labels }) => ({ cluster: clusterOf({ question, answer }), labels }));
	const isShared = units.some(({ labels }) => labels.length > 1);
	return {
		answers,
		split: all.length - answers.length,
		labellers: [...new Set([...byAnswer.values()].flatMap(({ said }) => [...said.keys()]))],
		alpha: isShared ? { nominal: krippendorffAlpha(units, 'nominal'), ordinal: krippendorffAlpha(units, 'ordinal') } : null,
	};
}

/** What more say than anything else; null where there is no such label. */
function majority(labels: readonly Label[]): Label | null {
	const counts = new Map<Label, number>();
	for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
	const [first, second] = [...counts].sort(([, a], [, b]) => b - a);
	return first && first[1] > (second?.[1] ?? 0) ? first[0] : null;
}
