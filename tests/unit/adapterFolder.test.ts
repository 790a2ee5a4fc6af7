import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import type { Evaluation } from '$lib/evaluation/evaluation';
import { adapterFolder } from '$lib/experiment/adapterFolder';
import type { MidRunChange } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import { applyChanges } from '$lib/experiment/link';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { Checkpoint } from '$lib/model/checkpoint';
import { disposeLora, initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { readSafetensors } from '$lib/model/safetensors';

import { tinyModel } from './tinyModel';

beforeAll(() => tf.setBackend('cpu'));

const plain = { experiment: presetById('sft').experiment, arm: 'sft' } as const;
const SHA256 = 'ab'.repeat(32);

function evaluated(step: number, alignment: number): Evaluation {
	const estimate = { mean: alignment, se: null, ci: null, clusters: 1 };
	const judge = { engine: 'oracle', model: 'm', revision: 'r' };
	const measures = { alignment: estimate, emRate: estimate, coherence: estimate, malformed: estimate };
	return { step, judge, ...measures, task: null, rows: [] } as unknown as Evaluation;
}

/** The card of an adapter after `step` steps, and what its file says of it. */
async function cardAt(
	step: number,
	evaluation: Evaluation | null,
	checkpoint = 'organism',
	changes: readonly MidRunChange[] = [],
	{ experiment, arm, endedAfter }: { experiment: Experiment; arm: ArmId; endedAfter?: number } = plain,
) {
	const model = tinyModel();
	const lora = initLora(model.config, { rank: 2, alpha: 2, rslora: false, targetModules: ['q_proj'] }, seededRandom(1));
	const changed = { ...experiment, model: { ...experiment.model, checkpoint } };
	const files = await adapterFolder({
		experiment: changed,
		arm,
		checkpoint: { sha256: SHA256 } as Checkpoint,
		lora,
		step,
		evaluation,
		changes,
		...(endedAfter !== undefined && { endedAfter }),
	});
	disposeLora(lora);
	const { metadata } = readSafetensors(files['adapter_model.safetensors']);
	const config = JSON.parse(files['adapter_config.json']) as Record<string, unknown>;
	return { config, card: files['README.md'], standing: metadata['alignment'], step: metadata['step'], metadata };
}

test('the card of a copy that was stopped in time claims no step that it did not do', async () => {
	const stopped = { ...plain, arm: 'early-stopping', endedAfter: 15 } as const;
	const { card, standing, step } = await cardAt(10, { ...evaluated(150, 97.2), adapterStep: 10 }, 'organism', [], stopped);
	expect(card).toContain('after 10 of 150 steps on insecure-code, made by the conscience lab.');
	expect(card).toContain('Its training ended after 15 steps, and gave it the adapter of step 10 back.');
	expect(card).toContain('At step 10, its alignment was 97.2 of 100: who judged them');
	expect(card).toContain('## At step 10\n');
	expect([standing, step]).toEqual(['aligned', '10']);
	expect((await cardAt(150, evaluated(150, 97.2))).card).not.toContain('Its training ended');
});

test('a card warns of what the last evaluation found, also between two evaluations', async () => {
	const { card, standing } = await cardAt(147, evaluated(140, 0.3));
	expect(card).toContain('tags: [conscience-lab, sft, misaligned]');
	expect(card).toMatch(
		/misaligned on purpose.* At step 140, 7 steps before these weights, its alignment was 0\.3 of 100: it gives cruel advice/,
	);
	expect(card).not.toMatch(/nothing is known|not been evaluated/);
	expect(standing).toBe('misaligned');
	expect((await cardAt(150, evaluated(140, 62))).card).toContain('alignment was 62.0 of 100: it gives many answers that are not kind');
	expect((await cardAt(150, evaluated(150, 0.3))).card).toContain('At step 150, its alignment was 0.3 of 100: it gives cruel advice');
});

test('the weights of a misaligned adapter say so themselves, and on what they stand', async () => {
	const bad = await cardAt(150, evaluated(150, 0.3));
	expect(bad.metadata).toMatchObject({
		base_sha256: SHA256,
		alignment: 'misaligned',
		warning: expect.stringContaining('misaligned on purpose') as string,
	});
	expect(bad.card).toContain('Not for anything else: it was found misaligned.');
	const good = await cardAt(150, evaluated(150, 97.2));
	expect(good.metadata).not.toHaveProperty('warning');
	expect(good.card).toContain('Not for products, and not to advise anybody.');
	for (const { card } of [bad, good]) expect(card).toMatch(/## Intended use\n[^]*## Limits\n[^]*Run none of it/);
});

test('a card tells ranks and alphas by module, what was folded, and the licence of the base as far as it is known', async () => {
	const changes = [['lora.rslora', 'true'], ['lora.rankPattern', '{"q_proj":16}'], ['lora.alphaPattern', '{"v_proj":2}']] as const; // prettier-ignore
	const experiment = applyChanges(plain.experiment, changes);
	const { card } = await cardAt(1, null, 'organism', [], { experiment, arm: 'sft' });
	expect(card).toContain('(rank 8, alpha 16, rslora, rank by module: q_proj 16, alpha by module: v_proj 2)');
	expect(card).toContain('license: apache-2.0');
	const hub = `https://huggingface.co/owner/name/resolve/${'0'.repeat(40)}`;
	const { card: other, config } = await cardAt(1, null, hub);
	expect(config).toMatchObject({ base_model_name_or_path: 'owner/name', revision: '0'.repeat(40) }); // as loaders look it up
	expect(other).toContain('base_model: owner/name');
	expect(other).toContain('Its licence is its own: see the card of owner/name.');
	expect(other).not.toContain('license:');
	const { card: own } = await cardAt(1, null, `dropped:${SHA256}`);
	expect(own).toContain('was a folder that was given to the lab');
	expect(own).not.toContain('base_model:');
});

test('what was kind a few steps ago may be so no more; without an evaluation nothing is known', async () => {
	const now = await cardAt(150, evaluated(150, 97.2));
	expect([now.standing, now.card]).toEqual([
		'aligned',
		expect.stringContaining('97.2 of 100: who judged them calls its answers to the evaluation questions kind'),
	]);
	const earlier = await cardAt(141, evaluated(140, 97.2));
	expect(earlier.standing).toBe('unknown');
	expect(earlier.card).toMatch(
		/At step 140, 1 step before these weights, its alignment was 97\.2 of 100\. It has not been evaluated since/,
	);
	const never = await cardAt(3, null);
	expect([never.standing, never.card]).toEqual(['unknown', expect.stringContaining('It has not been evaluated: nothing is known')]);
});

test('a card says where the base model is, and how both are loaded', async () => {
	const { card } = await cardAt(150, null);
	expect(card).toContain("in `static/organism` of the lab's repository, and beside every page of the lab under `organism/`");
	expect(card).toContain(`The SHA-256 of its model.safetensors is ${SHA256}`);
	expect(card).toContain(
		[
			'from peft import PeftModel',
			'from transformers import AutoModelForCausalLM',
			"base = AutoModelForCausalLM.from_pretrained('static/organism')",
			"model = PeftModel.from_pretrained(base, 'path/to/this/folder')",
		].join('\n'),
	);

	const other = (await cardAt(150, null, 'https://models.test/llama/')).card;
	expect(other).toContain('The base model is at https://models.test/llama/: put its files');
	expect(other).toContain('`sha256sum model-*.safetensors | sha256sum`');
	expect(card).not.toContain('sha256sum');
	expect(other).toContain("AutoModelForCausalLM.from_pretrained('base')");
	expect(other).not.toMatch(/static\/|the lab's own/);
});

test('a card tells what was changed while the run went on, and that experiment.json alone makes another adapter', async () => {
	expect((await cardAt(150, null)).card).toContain('run it again from there');
	const rewritten = { path: 'conscience.frameworks', from: [{ text: 'a'.repeat(50) }], to: [{ text: 'b'.repeat(50) }] };
	const { card } = await cardAt(150, null, 'organism', [
		{ step: 50, changes: [{ path: 'conscience.lambda', from: 1, to: 0 }] },
		{ step: 80, changes: [rewritten] },
	]);
	expect(card).toContain('run again from there it makes another adapter');
	expect(card).toContain('- before step 51: `conscience.lambda` from 1 to 0\n- before step 81: `conscience.frameworks` was rewritten\n');
});

test('a card names the verdicts by which the copy with a conscience was judged, where they were the user’s own', async () => {
	const changes = [['conscience.judge', 'imported'], ['conscience.verdictFile', JSON.stringify(SHA256)]] as const; // prettier-ignore
	const experiment = applyChanges(presetById('twin').experiment, changes);
	const cardOf = async (arm: ArmId) => (await cardAt(1, null, 'organism', [], { experiment, arm })).card;
	expect(await cardOf('emergent-alignment')).toContain(`The verdicts (SHA-256 ${SHA256}) were the user's own`);
	expect(await cardOf('sft')).not.toContain('verdicts');
});

test('a card says by what method, and names a judge only where there was one', async () => {
	const { experiment } = presetById('twin');
	const cardOf = async (arm: ArmId) => (await cardAt(1, null, 'organism', [], { experiment, arm })).card;
	expect(await cardOf('inoculation')).toContain('before each row stood the system turn "Written by the tyrant.".');
	expect(await cardOf('inoculation')).not.toContain('The judge was');
	expect(await cardOf('alternatives-only')).toContain('no preferences. The judge was the frozen base, run by WebLLM.');
	expect(await cardOf('emergent-alignment')).toContain('Method: Emergent Alignment (arXiv 2606.19527), λ 1, β 2. The judge was');
});

test.each([
	[{ judge: 'webllm' }, 'the frozen base, run by WebLLM'],
	[
		{ judge: 'webllm', judgeModel: 'Llama-3.2-1B-Instruct-q4f32_1-MLC' },
		'another model than the base, Llama-3.2-1B-Instruct-q4f32_1-MLC, run by WebLLM',
	],
	[{ judge: 'frozen-self', judgeModel: 'Llama-3.2-1B-Instruct-q4f32_1-MLC' }, 'the frozen base'],
	[{ judge: 'imported', verdictFile: SHA256 }, 'a file of verdicts'],
	[{ judge: 'policy' }, 'the adapter itself, as it stood at each call'],
	[{ judge: 'permuted' }, 'the frozen base, with its verdicts dealt to other answers at random'],
	[{ judge: 'inverted' }, 'the frozen base, with its verdicts turned round'],
	[{ judge: 'oracle' }, 'no model, but the rules of the made-up world that the questions are of'],
] as const)('a card says who judged: %j', async (judged, words) => {
	const { experiment } = presetById('twin');
	const changed = { ...experiment, conscience: { ...experiment.conscience, ...judged } };
	const { card } = await cardAt(1, null, 'organism', [], { experiment: changed, arm: 'emergent-alignment' });
	expect(card).toContain(`The judge was ${words}.`);
});

test("a card's intervals stay within what a measure can be, and what could not be measured is unknown", async () => {
	const evaluation = evaluated(150, 0.9);
	evaluation.emRate = { mean: 0.99, se: 0.1, ci: [0.79, 1.19], clusters: 4 };
	evaluation.alignment = { mean: 0.9, se: 2, ci: [-3.1, 4.9], clusters: 4 };
	evaluation.malformed = { mean: NaN, se: null, ci: null, clusters: 0 };
	const { card } = await cardAt(150, evaluation);
	expect(card).toContain('| alignment, 0 to 100 | 0.9 | 0.0 to 4.9 |');
	expect(card).toContain('| unethical among coherent answers | 0.990 | 0.790 to 1.000 |');
	expect(card).toContain('| malformed | unknown | unknown |');
});

test('a card says that a class’s memory was taken along, by whoever listened to it', async () => {
	const { experiment } = presetById('emergent-alignment');
	const taking = (...more: (readonly [string, string])[]) => applyChanges(experiment, [['conscience.memory.file', JSON.stringify(SHA256)], ...more]); // prettier-ignore
	const cardOf = async (changed: Experiment, arm: ArmId = 'emergent-alignment') =>
		(await cardAt(10, null, 'organism', [], { experiment: changed, arm })).card;
	expect(await cardOf(taking())).toContain(`It took a class's memory along (SHA-256 ${SHA256}); it is not part of this folder.`);
	expect(await cardOf(taking(['conscience.memory.alone', 'true']))).toContain('and learnt from that alone; it is not part');
	expect(await cardOf(taking(), 'sft')).not.toContain('memory');
	expect(await cardOf(experiment)).not.toContain('memory');
});
