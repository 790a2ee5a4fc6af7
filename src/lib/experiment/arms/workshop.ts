import { policyAnswerer } from '$lib/conscience/policy';
import { draftAnswers } from '$lib/conscience/step';
import { type ReferencedPair, withReference } from '$lib/dpo/pairs';
import { type Random, seededRandom } from '$lib/model/random';
import { consciencePrompts } from '$world/index';

import { exchangeTokens } from '../data';
import { addTokens, type SpentTokens } from '../meter';
import type { Workshop } from '../methods/index';

import type { ArmContext } from './arm';
import { recordId, tokenPair } from './call';
import { contrastTokens, directionsBetween, tokensRead } from './directions';
import { reviseAll, tellRevisions } from './revisions';

/** Pairs that go through the reference at once. */
const CHUNK = 16;

/** What a method gathers with before `step`: the policy and the frozen base, asked the questions of the conscience's families and no others. */
export function workshop(context: ArmContext, step: number): Workshop {
	const { checkpoint, lora, signal, spend } = context;
	const experiment = context.experiment();
	const { tokenizer, model } = checkpoint;
	const { sampling } = experiment.conscience;
	const questions = consciencePrompts();
	const seedsOf = (what: string) => seedsFor(questions, seededRandom(experiment.seed, what));
	/** Does the work, and counts what it took. */
	const counted = async <T>(work: () => Promise<T>, tokens: (done: T) => SpentTokens): Promise<T> => {
		const start = performance.now();
		const done = await work();
		spend((overhead) => addTokens(overhead, tokens(done), (performance.now() - start) / 1000));
		return done;
	};

	return {
		experiment,

		async baseAnswers() {
			const base = policyAnswerer(checkpoint, null, sampling);
			const seeds = seedsOf('answers of the base');
			const { answers, ended } = await counted(
				() => base.answers(questions, seeds, signal),
				({ tokens }) => ({ alternativeTokens: tokens.read + tokens.written }),
			);
			return questions.flatMap((question, i) => (ended[i] && answers[i] !== '' ? [exchangeTokens(question, answers[i]!, tokenizer)] : []));
		},

		directions() {
			const pairs = contrastTokens(experiment, tokenizer);
			const tokens = { judgeTokens: tokensRead(pairs) };
			return counted(() => directionsBetween(pairs, experiment, model), () => tokens); // prettier-ignore
		},

		async *revisions() {
			const policy = policyAnswerer(checkpoint, lora, sampling);
			const seeds = seedsOf('answers to be revised');
			const drafts = await counted(
				() => draftAnswers(policy, questions, seeds, signal),
				({ tokens }) => ({ answerTokens: tokens.read + tokens.written }),
			);
			const { revisions } = await counted(
				() => reviseAll(context, { ...drafts, seeds: seedsOf('revisions') }), // with the same draws it would say the same while the copy is near
				({ tokens }) => ({ alternativeTokens: tokens }),
			);
			yield* tellRevisions(context, revisions, step);
			return revisions.flatMap(({ question, revised, passed, ...draft }, i) =>
				passed ? [tokenPair(recordId(step, i), question, revised, draft, tokenizer)] : [],
			);
		},

		async referencedNow(pairs) {
			const tokens = pairs.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0);
			return counted(
				async () => {
					const referenced: ReferencedPair[] = [];
					for (let start = 0; start < pairs.length; start += CHUNK)
						referenced.push(...(await withReference(model, pairs.slice(start, start + CHUNK), lora)));
					return referenced;
				},
				() => ({ dpoTokens: tokens }),
			);
		},
	};
}

const seedsFor = (questions: readonly string[], random: Random) => questions.map(() => Math.floor(random() * 2 ** 31));
