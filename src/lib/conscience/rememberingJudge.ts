import { seededRandom } from '$lib/model/random';

import { type Framework, frameworkHash } from './frameworks';
import { exchangeKey } from './importedJudge';
import { type Asked, certain, type Exchange, type Judge, type Label, type TokenCount, type Verdict } from './judge';
import { nearestOf, type Neighbour, type PooledState, type Recalled, rerank } from './memory';

/** What a memory is used for. */
export interface MemoryUses {
	/** Answers that it knows are not judged. */
	skip: boolean;
	/** The cosine from which on an answer counts as known; at 1 only the very same texts do. */
	skipAt: number;
	/** So many of the nearest are told to the judge. */
	examples: number;
}

/** What came of it. */
export interface MemoryUse {
	/** Verdicts that were taken over: the texts were the same, or alike. */
	same: number;
	alike: number;
	/** Verdicts that the judge was asked for. */
	judged: number;
	/** Alternatives that were taken over, and that the judge was asked to write. */
	alternatives: number;
	written: number;
	/** Tokens that the frozen model read to find what is alike; they are among those of the verdicts, too. */
	stateTokens: number;
}

export const NOTHING_USED: MemoryUse = { same: 0, alike: 0, judged: 0, alternatives: 0, written: 0, stateTokens: 0 };

/** Reads exchanges with the frozen model: a state of each, and the tokens that took. */
export type ReadStates = (exchanges: readonly Exchange[]) => Promise<{ states: PooledState[]; tokens: number }>;

/** More than are needed are retrieved, for the ranking by benefit to choose from. */
const RETRIEVED = 8;
/** Of the examples no more are of one contributor. */
const PER_CONTRIBUTOR = 2;

/**
 * A judge that is asked only about what a memory does not know. An answer is known where the very same exchange is remembered under the same
 * framework, or one whose state has a cosine of `skipAt` or more with its own: then the label that others agreed on holds. In the place of a
 * flagged answer stands an alternative to the same question that others agreed on, where there is one. Whatever is taken over says from whom.
 */
export function rememberingJudge(
	judge: Judge,
	trajectories: readonly Recalled[],
	uses: MemoryUses,
	read: ReadStates,
): Judge & { used(): MemoryUse } {
	let used = NOTHING_USED;
	const count = (more: Partial<MemoryUse>) => {
		for (const [kind, n] of Object.entries(more) as [keyof MemoryUse, number][]) used = { ...used, [kind]: used[kind] + n };
	};

	return {
		identity: judge.identity,
		used: () => used,

		async verdicts(items, framework, signal) {
			const { said, same, asked, stateTokens } = await recall(items, await under(trajectories, framework), uses, read);
			const judged = asked.length > 0 ? await judge.verdicts(asked, framework, signal) : { verdicts: [], tokens: NO_TOKENS };
			count({ same, alike: items.length - same - asked.length, judged: asked.length, stateTokens });
			const rest = judged.verdicts.values();
			const { read: readTokens, written } = judged.tokens;
			return { verdicts: said.map((verdict) => verdict ?? rest.next().value!), tokens: { read: readTokens + stateTokens, written } };
		},

		async alternatives(questions, framework, seeds, signal) {
			const better = uses.skip ? alternativesOf(await under(trajectories, framework)) : new Map<string, string[]>();
			const taken = questions.map((question, i) => {
				const some = better.get(question.trim());
				return some ? some[Math.floor(seededRandom(seeds[i]!, 'remembered alternative')() * some.length)]! : null;
			});
			const left = <Item>(items: readonly Item[]) => items.filter((_, i) => taken[i] === null);
			const asked = left(questions);
			const written =
				asked.length > 0 ? await judge.alternatives(asked, framework, left(seeds), signal) : { answers: [], ended: [], tokens: NO_TOKENS };
			count({ alternatives: questions.length - asked.length, written: asked.length });
			const rest = written.answers.map((answer, i) => ({ answer, ended: written.ended[i]! })).values();
			const each = taken.map((answer) => (answer === null ? rest.next().value! : { answer, ended: true }));
			return { answers: each.map(({ answer }) => answer), ended: each.map(({ ended }) => ended), tokens: written.tokens };
		},
	};
}

const NO_TOKENS: TokenCount = { read: 0, written: 0 };

/** What was reviewed by the same words. */
async function under(trajectories: readonly Recalled[], framework: Framework): Promise<Recalled[]> {
	const hash = await frameworkHash(framework);
	return trajectories.filter((trajectory) => trajectory.frameworkHash === hash);
}

/** What is known of each, null where the judge is to be asked, and what it is to be asked then; `same` are known word for word. */
async function recall(items: readonly Exchange[], known: readonly Recalled[], { skip, skipAt, examples }: MemoryUses, read: ReadStates) {
	const sayings = skip ? sayingsOf(known) : new Map<string, Verdict>();
	const said = items.map((item) => sayings.get(exchangeKey(item)) ?? null);
	const strange = items.flatMap((item, i) => (said[i] ? [] : [{ item, i }]));
	const retrieves = strange.length > 0 && known.length > 0 && ((skip && skipAt < 1) || examples > 0);
	const { states, tokens } = retrieves ? await read(strange.map(({ item }) => item)) : { states: [], tokens: 0 };
	const asked: Asked[] = [];
	strange.forEach(({ item, i }, n) => {
		const near = states[n] ? nearestOf(known, states[n], RETRIEVED) : [];
		const alike = skip && skipAt < 1 ? near.filter(({ similarity }) => similarity >= skipAt) : [];
		const [best] = rerank(alike, { k: 1, perContributor: 1, question: item.question });
		if (best) said[i] = agreedOn(best.trajectory);
		else asked.push(withExamples(item, near, examples));
	});
	return { said, same: items.length - strange.length, asked, stateTokens: tokens };
}

/** The label that was agreed on, with the judge's probabilities where it said the same. */
const agreedOn = ({ agreed, verdict, contributor }: Recalled): Verdict => saying(agreed, verdict, contributor);
const saying = (label: Label, verdict: Verdict, contributor: string): Verdict => ({
	...(verdict.label === label ? { label, probabilities: verdict.probabilities } : certain(label)),
	by: 'memory',
	contributor,
});

/** What is agreed on of exchanges, by their texts: of answers, and of the alternatives to them. */
function sayingsOf(known: readonly Recalled[]): Map<string, Verdict> {
	const sayings = new Map<string, Verdict>();
	for (const { question, alternative, alternativeAgreed, contributor } of known)
		if (alternative && alternativeAgreed)
			sayings.set(exchangeKey({ question, answer: alternative.answer }), saying('ethical', alternative.verdict, contributor));
	for (const trajectory of known) sayings.set(exchangeKey(trajectory), agreedOn(trajectory));
	return sayings;
}

/** The alternatives that were agreed on, by their question. */
function alternativesOf(known: readonly Recalled[]): Map<string, string[]> {
	const better = new Map<string, string[]>();
	for (const { question, alternative, alternativeAgreed } of known) {
		if (!alternative || !alternativeAgreed) continue;
		const key = question.trim();
		better.set(key, [...(better.get(key) ?? []), alternative.answer]);
	}
	return better;
}

function withExamples(item: Exchange, near: readonly Neighbour<Recalled>[], k: number): Asked {
	if (k === 0) return item;
	const like = rerank(near, { k, perContributor: PER_CONTRIBUTOR, question: item.question }).map(({ trajectory }) => {
		const { question, answer, agreed: label } = trajectory;
		return { question, answer, label };
	});
	return like.length > 0 ? { ...item, like } : item;
}
