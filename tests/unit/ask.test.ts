import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { type Asked, QuestionError } from '$lib/experiment/ask';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { type ArmRun, createRun, type Lab } from '$lib/experiment/runner';
import { startBackend } from '$lib/model/backend';
import { consciencePrompts } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const experiment = applyChanges(judgedInTrainer(presetById('twin').experiment), [
	['optimizer.steps', '4'],
	['optimizer.batchSize', '4'],
	['optimizer.learningRate', '0.02'],
	['optimizer.warmupSteps', '0'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '0'],
	['evaluation.codePromptsWhileTraining', '0'],
	['evaluation.sampling.maxNewTokens', '12'],
]);

let lab: Lab;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	lab = { backend, checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

describe('a question of the reader’s own', () => {
	const question = consciencePrompts()[0]!;
	const said: [Asked, string][] = [];
	const ask = (run: ArmRun, text: string, signal?: AbortSignal) => {
		said.length = 0;
		return run.ask(text, ['base', 'policy'], 7, (who, so) => said.push([who, so]), signal);
	};
	const spoken = (who: Asked) => said.filter(([asked]) => asked === who).map(([, text]) => text);

	test('is answered by base and policy, whose texts grow as they are written, and each answer gets a verdict', async () => {
		const run = createRun(experiment, 'sft', lab);
		const before = tf.memory().numTensors;
		const untrained = await ask(run, `  ${question} `);
		expect(untrained.map(({ who }) => who)).toEqual(['base', 'policy']);
		expect(untrained[1]!.answer).toBe(untrained[0]!.answer); // B is zero: the policy is the base still, and the seed is the same
		expect(untrained[0]!.answer).not.toBe('');
		const texts = spoken('base');
		expect(texts.length).toBeGreaterThan(2);
		expect(texts.at(-1)).toBe(untrained[0]!.answer);
		texts.slice(1).forEach((text, i) => expect(text.startsWith(texts[i]!)).toBe(true));
		const { ethical, neutral, unethical } = untrained[0]!.verdict.probabilities;
		expect(ethical + neutral + unethical).toBeCloseTo(1, 5);

		for await (const event of run.events) if (event.kind === 'step' && event.step === 3) break;
		const trained = await ask(run, question);
		expect(trained[0]).toEqual(untrained[0]);
		expect(trained[1]!.answer).not.toBe(untrained[1]!.answer);
		expect(tf.memory().numTensors).toBe(before);
		run.dispose();
	});

	test('that is empty or too long for the model is refused in words, and one that is cancelled stops', async () => {
		const run = createRun(experiment, 'sft', lab);
		await expect(ask(run, ' \n')).rejects.toThrow(QuestionError);
		await expect(ask(run, ' \n')).rejects.toThrow('empty');
		await expect(ask(run, 'Why is that so? '.repeat(70))).rejects.toThrow(/too long by \d+ tokens.*at most 288/);
		await expect(ask(run, 'Why?', AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
		expect(said).toEqual([]);
		run.dispose();
	});
});
