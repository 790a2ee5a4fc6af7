import { alternativeText, verdictText } from '$lib/conscience/frameworks';
import type { Checkpoint } from '$lib/model/checkpoint';
import { consciencePrompts } from '$world/index';

import { evaluationPlan, RULER } from './evaluationPlan';
import type { QuestionEntry } from './ownQuestions';
import { type Experiment, ExperimentError } from './schema';

/** Tokens of a text as the first turn of a chat that the model is to answer. */
export function tokensAsked({ tokenizer }: Checkpoint, content: string): number {
	return tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }).length;
}

/** Directions can be read behind the blocks that the model has. @throws ExperimentError that names the field */
export function checkLayers({ representation: { firstLayer, lastLayer } }: Experiment, { model }: Checkpoint): void {
	const { numHiddenLayers } = model.config;
	if (firstLayer > lastLayer)
		throw new ExperimentError(
			`representation.firstLayer is ${firstLayer} and lastLayer ${lastLayer}: the first may not be behind the last.`,
		);
	if (lastLayer < numHiddenLayers) return;
	throw new ExperimentError(
		`representation.lastLayer is ${lastLayer}, and the model has blocks 0 to ${numHiddenLayers - 1}. Set it to ${numHiddenLayers - 1} or less.`,
	);
}

/**
 * The conscience's prompts must leave room for the longest answer: one that turns out not to fit would end the run in its middle.
 * @throws ExperimentError that names the framework and by how much it is too long
 */
export function checkFrameworks({ conscience }: Experiment, checkpoint: Checkpoint): void {
	if (conscience.judge === 'oracle') return; // it reads no prompts
	const positions = checkpoint.model.config.maxPositionEmbeddings;
	const { maxNewTokens } = conscience.sampling;
	const question = consciencePrompts().reduce((longest, prompt) => (prompt.length > longest.length ? prompt : longest), '');
	for (const framework of conscience.frameworks) {
		const verdict = tokensAsked(checkpoint, verdictText(framework, question, '')) + maxNewTokens + 1; // the verdict is one token
		const alternative = tokensAsked(checkpoint, alternativeText(framework, question)) + maxNewTokens;
		const needed = Math.max(verdict, alternative);
		if (needed <= positions) continue;
		throw new ExperimentError(
			`The framework '${framework.title}' is too long: with a question and an answer of ${maxNewTokens} tokens the judge would read ${needed} tokens, and the model reads at most ${positions}. Shorten its texts by about ${needed - positions} tokens, or set a lower conscience.sampling.maxNewTokens.`,
		);
	}
}

/**
 * The user's questions must leave room for the longest answer, and the judge must be able to read both.
 * @throws ExperimentError that names the question and by how much it is too long
 */
export function checkQuestions(experiment: Experiment, own: readonly QuestionEntry[], checkpoint: Checkpoint): void {
	const positions = checkpoint.model.config.maxPositionEmbeddings;
	const { maxNewTokens } = experiment.evaluation.sampling;
	const { questions, probes } = evaluationPlan(experiment, experiment.optimizer.steps, true, own);
	for (const { id, text, system } of [...questions, ...(probes?.conditional ?? []), ...(probes?.trigger ?? [])]) {
		const told = system === undefined ? [] : [{ role: 'system' as const, content: system }];
		const turns = [...told, { role: 'user' as const, content: text }];
		const asked = checkpoint.tokenizer.chat(turns, { addGenerationPrompt: true }).length + maxNewTokens;
		const judged = tokensAsked(checkpoint, verdictText(RULER, text, '')) + maxNewTokens + 1;
		const needed = Math.max(asked, judged);
		if (needed <= positions) continue;
		throw new ExperimentError(
			`The question '${id}' is too long: with an answer of ${maxNewTokens} tokens it takes ${needed} tokens${judged > asked ? ' before the judge' : ''}, and the model reads at most ${positions}. Shorten it by about ${needed - positions} tokens, or set a lower evaluation.sampling.maxNewTokens.`,
		);
	}
}
