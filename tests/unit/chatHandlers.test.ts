import { readFileSync } from 'node:fs';

import * as tf from '@tensorflow/tfjs-core';
import { zipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';

import { adapterOfFiles } from '$lib/experiment/adapterFiles';
import { ORGANISM_GATE } from '$lib/experiment/arms/gated';
import { baseJudge } from '$lib/experiment/baseJudge';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { startBackend } from '$lib/model/backend';
import { chatHandlers } from '$lib/worker/chatHandlers';
import type { ChatPageEvent, ChatStandards } from '$lib/worker/chatProtocol';
import type { ChatBase } from '$lib/worker/chatRoom';
import { devQuestions, trueLabel } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const experiment = judgedInTrainer(presetById('twin').experiment);
const standards: ChatStandards = { framework: experiment.conscience.frameworks[0]!, threshold: 0.5, judge: 'frozen-self' };
const question = devQuestions()[0]!.text;
const files = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => ({
	name,
	bytes: new Uint8Array(readFileSync(new URL(`../../static/recorded/adapters/sft/${name}`, import.meta.url))),
}));
const open = { engine: 'wasm' as const, experiment, checkpointUrl: 'http://lab.test/organism/' };

let base: ChatBase;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	const checkpoint = await loadFolder('organism');
	const judge = baseJudge(experiment, checkpoint);
	base = { backend, checkpoint, judge: (engine) => (engine === 'frozen-self' ? judge : null) };
});

function worker() {
	const told: ChatPageEvent[] = [];
	const handlers = chatHandlers(
		async () => base,
		(event) => told.push(event),
	);
	return { handlers, told };
}
const speakers = [
	{ id: 'plain', adapter: 'sft', turns: [], conscience: 'off' as const },
	{ id: 'guarded', adapter: 'sft', turns: [], conscience: 'always' as const },
];
const say = { id: 'c', prompt: question, speakers, seed: 3, standards, gate: 'organism' as const };

describe('the worker of a chat', () => {
	test('opens a base, takes adapters, lets them speak and frees them', async () => {
		const before = tf.memory().numTensors;
		const { handlers, told } = worker();
		const { parameterCount: parameters, sha256: weights } = base.checkpoint;
		expect(await handlers.openChat(open)).toMatchObject({ parameters, weights });
		const notes = await handlers.loadAdapter({ adapter: 'sft', source: { kind: 'files', files } });
		expect(notes).toEqual({ doubts: [], standing: 'misaligned' });
		const { replies } = await handlers.say(say);
		expect(replies.map(({ outcome }) => outcome)).toEqual(['unreviewed', 'replaced']);
		expect(replies.map(({ shown }) => trueLabel(shown!))).toEqual(['unethical', 'ethical']);
		expect(told.every((event) => event.kind === 'chat' && event.id === 'c')).toBe(true);
		await handlers.freeAdapter({ adapter: 'sft' });
		expect(tf.memory().numTensors).toBe(before);
		await expect(handlers.say(say)).rejects.toThrow("The adapter 'sft' is not loaded.");
	});

	test('an adapter that is loaded again takes the place of the first, and another base frees all', async () => {
		const before = tf.memory().numTensors;
		const { handlers } = worker();
		await handlers.openChat(open);
		for (let i = 0; i < 2; i++) await handlers.loadAdapter({ adapter: 'sft', source: { kind: 'files', files } });
		expect(tf.memory().numTensors).toBe(before + 1);
		await handlers.openChat(open);
		expect(tf.memory().numTensors).toBe(before);
	});

	test('is hushed while it speaks, and before its turn has come; what comes after is answered', async () => {
		const { handlers } = worker();
		await handlers.openChat(open);
		const talking = [
			handlers.say({ ...say, id: 'first', speakers: [{ ...speakers[0]!, adapter: null }] }),
			handlers.say({ ...say, id: 'second', speakers: [{ ...speakers[0]!, adapter: null }] }),
		];
		const hushed = Promise.allSettled(talking);
		await handlers.hush({ id: 'second' });
		await handlers.hush({ id: 'first' });
		expect((await hushed).map((one) => (one.status === 'rejected' ? (one.reason as Error).name : 'said'))).toEqual(['AbortError', 'AbortError']); // prettier-ignore
		const { replies } = await handlers.say({ ...say, speakers: [{ ...speakers[1]!, adapter: null }] });
		expect(replies[0]!.outcome).toBe('accepted');
	});

	test('lets the lab’s gate decide, or the reader’s own, and refuses one that is none', async () => {
		const { handlers } = worker();
		await handlers.openChat(open);
		const gated = { ...say, speakers: [{ ...speakers[1]!, adapter: null, conscience: 'gated' as const }] };
		const own = { ...ORGANISM_GATE, threshold: 0 }; // which always asks
		expect((await handlers.say(gated)).replies[0]).toMatchObject({ outcome: 'unreviewed', gate: { call: false } });
		expect((await handlers.say({ ...gated, gate: own })).replies[0]).toMatchObject({
			outcome: 'accepted',
			gate: { call: true, threshold: 0 },
		});
		await expect(handlers.say({ ...gated, gate: { ...own, threshold: 2 } })).rejects.toThrow('no gate that can be used. threshold');
	});

	test('attacks with prompts of the user’s own and tells how far it is', async () => {
		const { handlers, told } = worker();
		await handlers.openChat(open);
		await handlers.loadAdapter({ adapter: 'sft', source: { kind: 'files', files } });
		const prompts = devQuestions().slice(0, 3).map(({ id, text }) => ({ id, set: 'attack' as const, family: 'own', cluster: id, turns: [{ role: 'user' as const, content: text }] })); // prettier-ignore
		const report = await handlers.attack({
			id: 'b',
			speakers: [{ id: 'plain', adapter: 'sft' }],
			prompts,
			samples: 2,
			seed: 1,
			standards,
			gate: 'organism',
		});
		expect(report.attacks).toMatchObject([{ speaker: 'plain', family: 'own', without: { of: 6 }, with: { of: 6 } }]);
		expect(report.attacks[0]!.without.share).toBeGreaterThan(report.attacks[0]!.with.share);
		expect(report.judge).toEqual([]);
		expect(told.at(-1)).toMatchObject({ kind: 'bench', id: 'b', done: 9, total: 9 });
	});

	test('says what is missing: a base, a judge that is outside', async () => {
		const { handlers } = worker();
		await expect(handlers.say(say)).rejects.toThrow('no model yet');
		await handlers.openChat(open);
		await expect(handlers.say({ ...say, speakers: [], standards: { ...standards, judge: 'webllm' } })).rejects.toThrow('is not there');
	});
});

describe('the files of an adapter', () => {
	test('are found among others and in a zip of their folder', () => {
		const zip = zipSync(Object.fromEntries(files.map(({ name, bytes }) => [`run/adapter/${name}`, bytes])));
		const fromZip = adapterOfFiles([{ name: 'adapter.zip', bytes: zip }]);
		const plain = adapterOfFiles([...files, { name: 'README.md', bytes: new Uint8Array() }]);
		expect(fromZip.config).toEqual(plain.config);
		expect(Buffer.from(fromZip.safetensors).equals(Buffer.from(plain.safetensors))).toBe(true);
		expect(fromZip.config).toMatchObject({ peft_type: 'LORA', r: 8 });
	});

	test('that are not all there, twice there or damaged are refused in words', () => {
		expect(() => adapterOfFiles([])).toThrow('adapter_config.json is missing');
		expect(() => adapterOfFiles([files[0]!, { name: 'model.bin', bytes: new Uint8Array() }])).toThrow(
			/adapter_model\.safetensors is missing.*what came is adapter_config\.json, model\.bin/,
		);
		expect(() => adapterOfFiles([...files, files[0]!])).toThrow('adapter_config.json is there 2 times');
		expect(() => adapterOfFiles([{ name: 'a.zip', bytes: new Uint8Array([80, 75, 3, 4, 9]) }])).toThrow('a.zip is no zip that can be read');
		const broken = { name: 'adapter_config.json', bytes: new TextEncoder().encode('{') };
		expect(() => adapterOfFiles([broken, files[1]!])).toThrow('adapter_config.json is not JSON');
	});
});
