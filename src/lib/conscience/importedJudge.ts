import type { Exchange, Judge, Verdict } from './judge';

/** What somebody has said of an answer; null stands for any question, or any answer. */
export interface GivenVerdict {
	question: string | null;
	answer: string | null;
	verdict: Verdict;
}

/** Verdicts of the user's own: they travel beside the experiment, which names them by their digest. */
export interface VerdictFile {
	fileName: string;
	/** SHA-256 of the verdicts as an exported run holds them. */
	digest: string;
	verdicts: readonly GivenVerdict[];
}

/** An exchange is known by its texts, whatever space is around them. */
export const exchangeKey = ({ question, answer }: Pick<GivenVerdict, 'question' | 'answer'>): string =>
	JSON.stringify([question?.trim() ?? null, answer?.trim() ?? null]);

/** What may be said of an exchange, from the most particular to the most general. */
const keysOf = ({ question, answer }: Exchange): string[] =>
	[
		{ question, answer },
		{ question: null, answer },
		{ question, answer: null },
		{ question: null, answer: null },
	].map(exchangeKey);

/** What is said of an exchange, by the most particular of the verdicts that know it; undefined where none does. */
export function sayingsOf(given: readonly GivenVerdict[]): (item: Exchange) => Verdict | undefined {
	const known = new Map(given.map((said) => [exchangeKey(said), said.verdict] as const));
	return (item) => keysOf(item).flatMap((key) => known.get(key) ?? [])[0];
}

/**
 * Verdicts of people, or of another judge, as the conscience. What the file says of an exchange holds; where it says nothing the frozen copy
 * judges, and each verdict tells which of the two gave it. A file can't write: alternatives are the frozen copy's, checked as all else.
 */
export function importedJudge({ fileName, digest, verdicts: given }: VerdictFile, frozenSelf: Judge): Judge {
	const saidOf = sayingsOf(given);
	return {
		identity: { engine: 'imported', model: fileName, revision: digest },

		async verdicts(items, framework, signal) {
			const said = items.map(saidOf);
			const unknown = items.filter((_, i) => !said[i]);
			const asked =
				unknown.length > 0 ? await frozenSelf.verdicts(unknown, framework, signal) : { verdicts: [], tokens: { read: 0, written: 0 } };
			const judged = asked.verdicts.values();
			const verdicts = said.map((verdict): Verdict =>
				verdict ? { ...verdict, by: 'file' } : { ...judged.next().value!, by: 'frozen-self' },
			);
			return { verdicts, tokens: asked.tokens };
		},

		alternatives: (...asked) => frozenSelf.alternatives(...asked),
	};
}
