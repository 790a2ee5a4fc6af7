import { checkGateFits, decideBy, featuresOf, type Gate, GateError, parseGate } from '$lib/conscience/gate';
import { type Framework, verdictText } from '$lib/conscience/frameworks';
import type { Written } from '$lib/conscience/judge';
import organismGate from '$lib/conscience/organismGate.json';
import type { Drafts } from '$lib/conscience/step';
import type { Tokenizer } from '$lib/model/tokenizer';

import { type Experiment, ExperimentError } from '../schema';

import type { CallUnderWay } from './call';

/** The gate that comes with the lab. */
export const ORGANISM_GATE: Gate = parseGate(organismGate);

/** The gate that decides which answers are judged; null where all are. */
export const gateFor = ({ gate }: Pick<Experiment['conscience'], 'gate'>): Gate | null => (gate === 'organism' ? ORGANISM_GATE : null);

/** @throws ExperimentError where the gate was fitted on other weights than the run's */
export function checkGate({ conscience }: Experiment, weights: string): void {
	const gate = gateFor(conscience);
	try {
		if (gate) checkGateFits(gate, weights);
	} catch (error) {
		if (error instanceof GateError) throw new ExperimentError(`conscience.gate: ${error.message}`);
		throw error;
	}
}

/** The drafts that the gate sends to the judge, and what it saves by letting the others pass. */
export function gateDrafts(
	gate: Gate,
	framework: Framework,
	drafts: Drafts,
	written: readonly Written[],
	tokenizer: Tokenizer,
): Pick<CallUnderWay, 'drafts' | 'gated'> {
	const decide = decideBy(gate);
	const calls = written.map((one, i) => decide(featuresOf({ answer: drafts.answers[i]!, ended: drafts.ended[i]!, ...one })).call);
	const sent = <Item>(items: readonly Item[]): Item[] => items.filter((_, i) => calls[i]);
	const { questions, answers, ended, seeds, tokens } = drafts;
	const savedTokens = questions.reduce((sum, question, i) => {
		if (calls[i]) return sum;
		const content = verdictText(framework, question, answers[i]!);
		return sum + tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }).length;
	}, 0);
	return {
		drafts: { questions: sent(questions), answers: sent(answers), ended: sent(ended), seeds: sent(seeds), tokens },
		gated: { passed: calls.filter((call) => !call).length, savedTokens },
	};
}
