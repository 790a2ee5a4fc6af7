import { beforeEach, describe, expect, test } from 'vitest';

import { gateFile } from '$lib/conscience/gate';
import type { ChatReply } from '$lib/experiment/chat';
import { AttackBench } from '$lib/state/attackBench.svelte';
import { Chat } from '$lib/state/chat.svelte';
import { ChatModel, type MeetJudge, type Voice } from '$lib/state/chatModel.svelte';
import type { ChatRequests } from '$lib/worker/chatProtocol';
import type { Requests, ToWorker } from '$lib/worker/protocol';

import { settings, settled } from './fakeWorker';
import { ORIGIN, someGate } from './gateRows';

type Asked = ChatRequests & Pick<Requests, 'connectJudge'>;

const WEIGHTS = 'a'.repeat(64);

/** A worker of a chat, of which a test plays the part. */
class FakeChatWorker extends EventTarget {
	readonly asked: ToWorker<Asked>[] = [];
	terminated = false;

	postMessage(message: ToWorker<Asked>): void {
		this.asked.push(message);
		const { kind, id } = message;
		// What is only prepared is there at once.
		if (kind === 'openChat')
			void this.post({ kind: 'result', id, result: { backend: { name: 'wasm' }, parameters: 10, weights: WEIGHTS } });
		if (kind === 'loadAdapter')
			void this.post({ kind: 'result', id, result: { doubts: ['It is for another base.'], standing: 'misaligned' } });
		if (kind === 'hush' || kind === 'connectJudge') void this.post({ kind: 'result', id, result: undefined });
	}

	terminate(): void {
		this.terminated = true;
	}

	async post(data: unknown): Promise<void> {
		await Promise.resolve();
		this.dispatchEvent(new MessageEvent('message', { data }));
		await settled();
	}

	last<K extends keyof Asked>(kind: K): Extract<ToWorker<Asked>, { kind: K }> {
		return this.asked.findLast((one) => one.kind === kind) as Extract<ToWorker<Asked>, { kind: K }>;
	}

	tell(event: object): Promise<void> {
		return this.post({ kind: 'event', event: { kind: 'chat', id: this.last('say').params.id, event } });
	}

	answer<K extends keyof Asked>(kind: K, result: unknown): Promise<void> {
		return this.post({ kind: 'result', id: this.last(kind).id, result });
	}

	refuse(kind: keyof Asked, name: string, message: string): Promise<void> {
		return this.post({ kind: 'error', id: this.last(kind).id, error: { name, message } });
	}

	kinds = () => this.asked.map(({ kind }) => kind);
}

const voice = (key: string): Voice => ({
	...{ key, name: `the ${key}`, about: '', arm: null },
	source: async () => ({ kind: 'address', url: `http://lab.test/${key}` }),
});

let workers: FakeChatWorker[];
let kept: Voice[];
let meetJudge: MeetJudge;
beforeEach(() => {
	workers = [];
	kept = [];
	meetJudge = async () => {};
});

function makeModel(): ChatModel {
	const connect = () => {
		const worker = new FakeChatWorker();
		workers.push(worker);
		return worker;
	};
	const store = { shipped: () => [voice('sft'), voice('emergent-alignment')], kept: async () => kept };
	return new ChatModel(connect, store, () => settings, (...given) => meetJudge(...given)); // prettier-ignore
}

async function begun() {
	const chat = new Chat(makeModel());
	await chat.begin();
	return chat;
}

/** Puts a prompt, as far as the worker's `say`. */
async function saying(chat: Chat, prompt = 'Hello?') {
	const said = chat.say(prompt);
	await settled();
	await settled();
	return { said, worker: workers.at(-1)! };
}

const cost = { read: 1, written: 1, ms: 1 };
const reply = (outcome: ChatReply['outcome'], shown: string | null): ChatReply => ({
	...{ outcome, shown, draft: { question: 'q', answer: 'draft', ended: true, cost }, review: null, alternatives: [], gate: null },
	costs: { draft: cost, verdicts: cost, alternatives: cost },
});
/** Lets every speaker of the newest `say` answer. */
async function answerAll(worker: FakeChatWorker, shown: string | null) {
	const { speakers } = worker.last('say').params;
	for (const { id } of speakers) await worker.tell({ speaker: id, kind: 'reply', reply: reply(shown === null ? 'withheld' : 'accepted', shown) }); // prettier-ignore
	await worker.answer('say', { replies: [] });
}

describe('a chat on the page', () => {
	test('begins with the base, the misaligned copy with and without a conscience, and the aligned one', async () => {
		const chat = await begun();
		expect(chat.speakers.map(({ voice, conscience }) => [voice, conscience])).toEqual([
			['base', 'off'],
			['sft', 'off'],
			['sft', 'always'],
			['emergent-alignment', 'off'],
		]);
		const ids = chat.speakers.map(({ id }) => id);
		await chat.begin(); // the page is opened again
		expect(chat.speakers.map(({ id }) => id)).toEqual(ids);
	});

	test('loads each adapter once, puts the prompt to all with one seed, and shows what comes as it comes', async () => {
		const chat = await begun();
		const { said, worker } = await saying(chat);
		expect(worker.kinds()).toEqual(['openChat', 'loadAdapter', 'loadAdapter', 'say']);
		const { speakers, seed, prompt } = worker.last('say').params;
		expect([prompt, seed]).toEqual(['Hello?', 1]);
		expect(speakers.map(({ adapter, conscience }) => [adapter, conscience])).toEqual([
			[null, 'off'],
			['sft', 'off'],
			['sft', 'always'],
			['emergent-alignment', 'off'],
		]);
		const guarded = () => chat.exchanges[0]!.said[2]!;
		const { id } = speakers[2]!;
		await worker.tell({ speaker: id, kind: 'text', text: 'I wou' });
		expect(guarded()).toMatchObject({ stage: 'writing', text: 'I wou' });
		await worker.tell({ speaker: id, kind: 'draft', draft: { answer: 'I would.' }, forgotten: 2, gate: null });
		expect(guarded()).toMatchObject({ stage: 'judging', text: 'I would.', forgotten: 2 });
		await worker.tell({ speaker: id, kind: 'verdict', index: 0, review: { flagged: true, cost: { read: 50, written: 0, ms: 25 } } });
		expect(guarded().stage).toBe('mending');
		expect(chat.pace).toBe(0.5);
		await worker.tell({ speaker: id, kind: 'writing', index: 0, text: 'It is' });
		expect(guarded().writing).toBe('It is');
		await worker.tell({ speaker: id, kind: 'alternative', index: 0, alternative: { answer: 'It is not.', passed: false } });
		expect(guarded()).toMatchObject({ writing: '', alternatives: [{ answer: 'It is not.' }] });
		await answerAll(worker, 'Kind.');
		await said;
		expect(chat.exchanges[0]).toMatchObject({ state: 'done', fault: null });
		expect(guarded()).toMatchObject({ stage: 'done', reply: { shown: 'Kind.' } });

		const next = await saying(chat, 'Again?');
		expect(next.worker.kinds().filter((kind) => kind === 'loadAdapter')).toHaveLength(2);
		expect(next.worker.last('say').params).toMatchObject({ seed: 2, speakers: [{ turns: [] }, {}, {}, {}] });
	});

	test('that is remembered gives each speaker what it was shown to say, but for what was withheld, until a new one begins', async () => {
		const chat = await begun();
		chat.remembers = true;
		for (const shown of ['Kind.', null, 'Calm.']) {
			const { said, worker } = await saying(chat);
			await answerAll(worker, shown);
			await said;
		}
		expect(chat.heard).toBe(3);
		const { said, worker } = await saying(chat, 'And now?');
		expect(worker.last('say').params.speakers[0]!.turns.map(({ content }) => content)).toEqual(['Hello?', 'Kind.', 'Hello?', 'Calm.']);
		await answerAll(worker, 'x');
		await said;
		chat.beginAfresh();
		expect(chat.heard).toBe(0);
		await saying(chat, 'Fresh?');
		expect(worker.last('say').params.speakers[0]!.turns).toEqual([]);
	});

	test('is stopped: the worker is hushed, what came stays, and the next prompt is put', async () => {
		const chat = await begun();
		const { said, worker } = await saying(chat);
		await worker.tell({ speaker: worker.last('say').params.speakers[0]!.id, kind: 'text', text: 'I wou' });
		await chat.say('Meanwhile?'); // not while they talk
		expect(chat.exchanges).toHaveLength(1);
		await chat.stop();
		expect(worker.last('hush').params).toEqual({ id: worker.last('say').params.id });
		await worker.refuse('say', 'AbortError', 'stopped');
		await said;
		expect(chat.exchanges[0]).toMatchObject({ state: 'stopped', fault: null, said: [{ text: 'I wou' }, {}, {}, {}] });
		await saying(chat, 'Next?');
		expect(worker.last('say').params.prompt).toBe('Next?');
	});

	test('tells what went wrong, and starts another worker where the first is gone', async () => {
		const chat = await begun();
		const first = await saying(chat);
		await first.worker.refuse('say', 'QuestionError', 'The prompt is too long by 3 tokens.');
		await first.said;
		expect(chat.exchanges[0]).toMatchObject({ state: 'stopped', fault: 'The prompt is too long by 3 tokens.' });
		const second = await saying(chat);
		second.worker.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
		await second.said;
		expect(chat.exchanges[1]!.fault).toBe('out of memory');
		expect(second.worker.terminated).toBe(true);
		const third = await saying(chat);
		expect(workers).toHaveLength(2);
		expect(third.worker.kinds()).toEqual(['openChat', 'loadAdapter', 'loadAdapter', 'say']);
	});

	test('asks the judge in WebLLM where it is chosen, and says so where it can’t be had', async () => {
		const chat = await begun();
		chat.judge = 'webllm';
		meetJudge = async (_, meet) => meet({ engine: 'webllm', model: 'm', revision: 'r' }, new MessageChannel().port1);
		const { worker } = await saying(chat);
		expect(worker.kinds().slice(-2)).toEqual(['connectJudge', 'say']);
		expect(worker.last('say').params.standards).toMatchObject({ judge: 'webllm', threshold: 0.5, framework: { id: 'three-laws' } });
		await answerAll(worker, 'x');
		meetJudge = async () => Promise.reject(new Error('WebLLM was not loaded.'));
		await chat.say('And now?');
		expect(chat.exchanges[1]!.fault).toBe('WebLLM was not loaded.');
	});

	test('gates with the lab’s gate or the reader’s own, which has to fit the base', async () => {
		const chat = await begun();
		chat.change(chat.speakers[0]!.id, { conscience: 'gated' });
		const first = await saying(chat);
		expect(first.worker.last('say').params).toMatchObject({ gate: 'organism', speakers: [{ conscience: 'gated' }, {}, {}, {}] });
		const { id } = first.worker.last('say').params.speakers[0]!;
		await first.worker.tell({ speaker: id, kind: 'draft', draft: { answer: 'Kind.' }, forgotten: 0, gate: { call: false, p: 0.01 } });
		expect(chat.exchanges[0]!.said[0]).toMatchObject({ stage: 'done', gate: { p: 0.01 } });
		await answerAll(first.worker, 'Kind.');
		await first.said;
		expect(chat.exchanges[0]!.gate).toBe('organism');

		const own = { ...someGate, line: { ...ORIGIN.line, weights: WEIGHTS } };
		const file = (gate: typeof own) => new File([gateFile(gate)], 'mine.json');
		expect(await chat.giveGate(file({ ...own, line: { ...own.line, weights: 'b'.repeat(64) } }))).toBe(false);
		expect(chat.ownGate.given).toBeNull();
		expect(chat.ownGate.fault).toMatch(/fitted on organism.*the model here has aaaaaaaa…/);
		expect(await chat.giveGate(file(own))).toBe(true);
		expect(chat.ownGate).toMatchObject({ given: { name: 'mine.json' }, fault: null });
		expect(await chat.giveGate(new File(['{'], 'broken.json'))).toBe(false);
		expect(chat.ownGate.given!.name).toBe('mine.json');
		expect(chat.ownGate.fault).toContain('not JSON');
		const second = await saying(chat);
		expect(second.worker.last('say').params.gate).toEqual(own);
	});

	test('takes an adapter from files as a speaker with its conscience on, and says why one is none', async () => {
		const chat = await begun();
		expect(await chat.addFiles([new File(['{}'], 'adapter_config.json'), new File(['x'], 'adapter_model.safetensors')])).toBe(true);
		expect(chat.speakers.at(-1)).toMatchObject({ voice: 'file:1', conscience: 'always' });
		const worker = workers[0]!;
		worker.postMessage = (message) => {
			worker.asked.push(message);
			if (message.kind === 'loadAdapter') void worker.refuse('loadAdapter', 'AdapterError', 'adapter_config.json is missing');
		};
		expect(await chat.addFiles([new File(['x'], 'model.bin')])).toBe(false);
		expect(chat.fault).toBe('adapter_config.json is missing');
		expect(chat.speakers).toHaveLength(5);
	});

	test('is exported with all that was said, and by what it was judged', async () => {
		const chat = await begun();
		const { said, worker } = await saying(chat);
		await answerAll(worker, 'Kind.');
		await said;
		const file = JSON.parse(chat.exported()) as { exchanges: { said: unknown[] }[] };
		expect(file).toMatchObject({ version: 1, kind: 'conscience-lab-chat', model: 'organism' });
		expect(file.exchanges[0]).toMatchObject({ prompt: 'Hello?', seed: 1, standards: { framework: { id: 'three-laws' } } });
		expect(file.exchanges[0]!.said[2]).toMatchObject({ voice: 'sft', conscience: 'always', reply: { shown: 'Kind.', costs: {} } });
	});

	test('forgets speakers whose adapter is gone', async () => {
		kept = [voice('run:1')];
		const chat = await begun();
		chat.add('run:1');
		kept = [];
		await chat.begin();
		expect(chat.speakers.map(({ voice }) => voice)).toEqual(['base', 'sft', 'sft', 'emergent-alignment']);
	});
});

describe('the bench on the page', () => {
	const options = { framework: 'three-laws', judge: 'frozen-self' as const, gate: 'organism' as const, samples: 1, seed: 1 };
	const report = { attacks: [] };

	test('attacks the voices that are chosen, tells how far it is, and keeps the report', async () => {
		const model = makeModel();
		await model.findVoices();
		const bench = new AttackBench(model);
		const done = bench.begin(['base', 'sft'], options);
		expect(bench.progress).toMatchObject({ total: 0 });
		await settled();
		await settled();
		const [worker] = workers as [FakeChatWorker];
		const { params } = worker.last('attack');
		expect(params).toMatchObject({ prompts: null, samples: 1, seed: 1, speakers: [{ adapter: null }, { id: 'the sft', adapter: 'sft' }] });
		await worker.post({ kind: 'event', event: { kind: 'bench', id: params.id, done: 5, total: 20 } });
		expect(bench.progress).toMatchObject({ done: 5, total: 20 });
		expect(bench.progress!.secondsLeft).toBeGreaterThanOrEqual(0);
		await worker.answer('attack', report);
		await done;
		expect(bench.progress).toBeNull();
		expect(bench.report).toEqual(report);
	});

	test('is cancelled without a fault, and says what went wrong where it breaks off', async () => {
		const model = makeModel();
		const bench = new AttackBench(model);
		const done = bench.begin(['base'], options);
		await settled();
		const [worker] = workers as [FakeChatWorker];
		await bench.cancel();
		expect(worker.last('hush').params.id).toBe(worker.last('attack').params.id);
		await worker.refuse('attack', 'AbortError', 'stopped');
		await done;
		expect([bench.progress, bench.fault, bench.report]).toEqual([null, null, null]);
		const again = bench.begin(['base'], options);
		await settled();
		await worker.refuse('attack', 'JudgeError', 'The judge reads at most 288 tokens.');
		await again;
		expect(bench.fault).toBe('The judge reads at most 288 tokens.');
	});

	test('puts the prompts of a file, and says what is wrong with one that holds none', async () => {
		const bench = new AttackBench(makeModel());
		await bench.give(new File(['prompt\nHi\n,\n'], 'mine.csv'));
		expect(bench.given).toMatchObject({ fileName: 'mine.csv', prompts: [{ id: 'line 2' }], faults: [{ line: 3 }] });
		void bench.begin(['base'], options);
		await settled();
		expect(workers[0]!.last('attack').params.prompts).toHaveLength(1);
		await bench.give(new File(['nothing'], 'bad.csv'));
		expect(bench.fault).toContain('bad.csv holds no prompt');
		expect(bench.given).toBeNull();
	});
});
