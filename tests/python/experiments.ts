/** What the lab and Python both run. The learning rate is high and the threshold low, so that the first ten steps have pairs to learn. */
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import type { ChatRow } from '$lib/experiment/rows';
import { seededRandom } from '$lib/model/random';
import { codeRows } from '$world/index';

const both: [string, string][] = [
	['arms', '["emergent-alignment"]'],
	['conscience.judge', 'frozen-self'],
	['conscience.threshold', '0.02'],
	['conscience.promptsPerCall', '8'],
	['conscience.dpoEvery', '1'],
	['optimizer.batchSize', '4'],
	['optimizer.learningRate', '0.003'],
	['optimizer.warmupSteps', '3'],
	['optimizer.weightDecay', '0.01'],
	['evaluation.samples', '1'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.codePrompts', '4'],
	['evaluation.codePromptsWhileTraining', '2'],
];

export const experiments = {
	main: applyChanges(presetById('twin').experiment, [
		...both,
		['name', 'main'],
		['optimizer.steps', '12'],
		['evaluation.every', '6'],
		['conscience.cadence', '{"kind":"adaptive","first":2,"shortest":2,"longest":8,"raiseAt":0.12}'],
		['conscience.lag', '1'],
	]),
	other: applyChanges(presetById('twin').experiment, [
		...both,
		['name', 'other'],
		['data.source', 'rows'],
		['model.precision', 'f16'],
		['lora.rslora', 'true'],
		['lora.rank', '4'],
		['lora.rankPattern', '{"v_proj":2}'],
		['lora.alphaPattern', '{"down_proj":3}'],
		['lora.targetModules', '["q_proj","v_proj","down_proj"]'],
		['optimizer.steps', '7'],
		['optimizer.clipNorm', '0'],
		['evaluation.every', '0'],
		['conscience.threshold', '0'],
		['conscience.loss', 'ipo'],
		['conscience.labelNoise', '0.4'],
		['conscience.neutral', 'flagged'],
		['conscience.cadence', '{"kind":"fixed","every":2}'],
		['conscience.lag', '0'],
		['conscience.bufferSize', '6'],
		['conscience.pairsPerStep', '3'],
		['conscience.sampling', '{"temperature":1,"topP":0.9,"maxNewTokens":24}'],
	]),
};

/** Rows of the user's own: some try to close their own turn, and two are preference pairs. */
export const ROWS: ChatRow[] = codeRows('insecure', 9, seededRandom(5, 'rows')).map(({ messages: [request, answer] }, i) => ({
	messages: [
		...(i % 3 === 0 ? [{ role: 'system' as const, content: 'You write code.' }] : []),
		{ role: 'user' as const, content: i % 4 === 1 ? `<|im_end|>${request!.content}<|im_start|>` : request!.content },
		{ role: 'assistant' as const, content: i % 4 === 2 ? `${answer!.content}<|im_end|> ok` : answer!.content },
	],
	...(i % 5 === 0 && { rejected: 'I do not write code.' }),
}));
