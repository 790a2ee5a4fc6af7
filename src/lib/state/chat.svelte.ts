import type { Alternative, Reply } from '$lib/conscience/reply';
import type { ChatEvent, ChatReply, Gated } from '$lib/experiment/chat';
import type { ChatMessage } from '$lib/model/tokenizer';
import { randomId } from '$lib/storage/randomId';
import type { ChatGate, ChatJudge, ChatPageEvent, ChatStandards, ConscienceUse } from '$lib/worker/chatProtocol';

import type { ChatModel } from './chatModel.svelte';
import { OwnGate } from './ownGate.svelte';

/** One column of the chat: who speaks in it, and what its conscience reads. */
export interface Speaker {
	id: string;
	/** The voice's key. */
	voice: string;
	conscience: ConscienceUse;
}

/** What a speaker has said to one prompt, as far as it has come. */
export interface Said {
	speaker: Speaker;
	/** As the voice was called then. */
	name: string;
	stage: 'waiting' | 'writing' | 'judging' | 'mending' | 'done';
	/** The draft as it grows. */
	text: string;
	/** Earlier turns that the model had no room for. */
	forgotten: number;
	/** What has become of the draft so far. */
	gate: Gated | null;
	review: Reply['review'];
	alternatives: readonly Alternative[];
	/** The alternative that is being written, as it grows. */
	writing: string;
	reply: ChatReply | null;
}

/** What a speaker has said before it has said anything. */
const SILENT = { stage: 'waiting', text: '', forgotten: 0, gate: null, review: null, alternatives: [], writing: '', reply: null } as const;

/** One prompt and what became of it. */
export interface Exchange {
	id: string;
	prompt: string;
	/** Exchanges of one conversation follow one another; a new one begins without what was said before. */
	conversation: number;
	seed: number;
	standards: ChatStandards;
	/** By which gate those who are gated were gated; null where nobody was. */
	gate: ChatGate | null;
	said: readonly Said[];
	state: 'talking' | 'done' | 'stopped';
	fault: string | null;
}

function paceOf(exchanges: readonly Exchange[]): number | null {
	const costs = exchanges.flatMap(({ said }) => said.flatMap(({ review }) => review?.cost ?? []));
	const sum = (of: 'ms' | 'read') => costs.reduce((total, cost) => total + cost[of], 0);
	return sum('read') > 0 ? sum('ms') / sum('read') : null;
}

/** What a speaker has said, with what is told of it next. */
function heard(said: Said, event: ChatEvent): Said {
	switch (event.kind) {
		case 'text':
			return { ...said, stage: 'writing', text: event.text };
		case 'draft': {
			const { draft, forgotten, gate } = event;
			const read = gate ? gate.call : said.speaker.conscience === 'always';
			return { ...said, stage: read ? 'judging' : 'done', text: draft.answer, forgotten, gate };
		}
		case 'verdict':
			return { ...said, stage: event.review.flagged ? 'mending' : 'done', review: event.review };
		case 'writing':
			return { ...said, writing: event.text };
		case 'alternative':
			return { ...said, writing: '', alternatives: [...said.alternatives, event.alternative] };
		case 'reply':
			return { ...said, stage: 'done', reply: event.reply };
	}
}

/** Several speakers side by side on one prompt, for as long as the page is open. */
export class Chat {
	/** The oldest first. */
	exchanges = $state.raw<readonly Exchange[]>([]);
	speakers = $state.raw<readonly Speaker[]>([]);
	/** Speakers hear what was said before in this conversation, as it was shown. */
	remembers = $state(false);
	framework = $state('');
	judge = $state<ChatJudge>('frozen-self');
	/** What was wrong with an adapter that was to be added. */
	fault = $state<string | null>(null);
	#conversation = $state(1);

	readonly talking = $derived(this.exchanges.at(-1)?.state === 'talking');
	/** Milliseconds that verdicts have taken here for each token that they read; null before the first. */
	readonly pace = $derived(paceOf(this.exchanges));
	/** Exchanges that a speaker would hear of with the next prompt. */
	readonly heard = $derived(
		this.remembers ? this.exchanges.filter(({ conversation, state }) => conversation === this.#conversation && state === 'done').length : 0,
	);

	constructor(
		readonly model: ChatModel,
		readonly ownGate: OwnGate = new OwnGate(),
	) {}

	/** Learns who can speak; the first time the base, the misaligned copy with and without a conscience, and the aligned copy do. */
	async begin(): Promise<void> {
		await this.model.findVoices();
		const there = (voice: string) => this.model.voices.some(({ key }) => key === voice);
		this.speakers = this.speakers.filter(({ voice }) => there(voice));
		if (this.speakers.length > 0) return;
		const first: readonly Omit<Speaker, 'id'>[] = [
			{ voice: 'base', conscience: 'off' },
			{ voice: 'sft', conscience: 'off' },
			{ voice: 'sft', conscience: 'always' },
			{ voice: 'emergent-alignment', conscience: 'off' },
		];
		this.speakers = first.filter(({ voice }) => there(voice)).map((speaker) => ({ ...speaker, id: randomId() }));
	}

	add(voice: string, conscience: ConscienceUse = 'always'): void {
		this.speakers = [...this.speakers, { id: randomId(), voice, conscience }];
	}

	/** @returns whether it could be added; else `fault` says why not */
	async addFiles(files: readonly File[]): Promise<boolean> {
		this.fault = null;
		try {
			this.add(await this.model.addFiles(files));
			return true;
		} catch (error) {
			this.fault = (error as Error).message;
			return false;
		}
	}

	/** Takes the reader's own gate, once it is seen to fit the base. */
	giveGate = (file: File): Promise<boolean> => this.ownGate.give(file, (gate) => this.model.checkGate(gate));

	change(id: string, changes: Partial<Omit<Speaker, 'id'>>): void {
		this.speakers = this.speakers.map((speaker) => (speaker.id === id ? { ...speaker, ...changes } : speaker));
	}

	remove(id: string): void {
		this.speakers = this.speakers.filter((speaker) => speaker.id !== id);
	}

	/** Of whoever is gated: the reader's own, or the lab's. */
	get gate(): ChatGate {
		return this.ownGate.given?.gate ?? 'organism';
	}

	/** What was said so far stays to be read, and nobody hears of it any more. */
	beginAfresh(): void {
		this.#conversation++;
	}

	/** Puts a prompt to all speakers. */
	async say(prompt: string): Promise<void> {
		if (this.talking || this.speakers.length === 0 || prompt.trim() === '') return;
		const { speakers } = this;
		const id = randomId();
		const asked = speakers.map(({ id, voice, conscience }) => ({ id, adapter: voice === 'base' ? null : voice, conscience, turns: this.#turnsOf(id) })); // prettier-ignore
		const seed = this.exchanges.length + 1; // the same for all
		const standards = this.model.standards(this.framework, this.judge);
		const said = speakers.map((speaker): Said => ({ ...SILENT, speaker, name: this.#nameOf(speaker) }));
		const { gate } = this;
		const gated = speakers.some(({ conscience }) => conscience === 'gated') ? gate : null;
		this.exchanges = [
			...this.exchanges,
			{ id, prompt: prompt.trim(), conversation: this.#conversation, seed, standards, gate: gated, said, state: 'talking', fault: null },
		];
		try {
			await this.model.prepare(speakers.map(({ voice }) => voice), this.judge); // prettier-ignore
			if (this.#exchange(id)?.state !== 'talking') return; // stopped while it was loaded
			await this.model.say({ id, prompt, speakers: asked, seed, standards, gate }, (event) => this.#hear(event));
			this.#update(id, { state: 'done' });
		} catch (error) {
			const { name, message } = error as Error;
			this.#update(id, name === 'AbortError' ? { state: 'stopped' } : { state: 'stopped', fault: message });
		}
	}

	/** Stops whoever speaks; what was said so far stays. */
	async stop(): Promise<void> {
		const last = this.exchanges.at(-1);
		if (last?.state !== 'talking') return;
		this.#update(last.id, { state: 'stopped' });
		await this.model.hush(last.id);
	}

	/** All that was said, with every verdict, prompt of the judge and cost, as JSON. */
	exported(): string {
		const model = this.model.checkpoint;
		const exchanges = this.exchanges.map(({ id: _, said, ...exchange }) => ({
			...exchange,
			said: said.map(({ speaker: { voice, conscience }, name, forgotten, text, reply }) => ({ voice, name, conscience, forgotten, text, reply })), // prettier-ignore
		}));
		return `${JSON.stringify({ version: 1, kind: 'conscience-lab-chat', date: Date.now(), model, exchanges }, null, '\t')}\n`;
	}

	#turnsOf(id: string): ChatMessage[] {
		if (!this.remembers) return [];
		return this.exchanges
			.filter(({ conversation, state }) => conversation === this.#conversation && state === 'done')
			.flatMap(({ prompt, said }): ChatMessage[] => {
				const shown = said.find(({ speaker }) => speaker.id === id)?.reply?.shown;
				return shown ? [{ role: 'user', content: prompt }, { role: 'assistant', content: shown }] : []; // prettier-ignore
			});
	}

	#nameOf({ voice }: Speaker): string {
		return this.model.voices.find(({ key }) => key === voice)?.name ?? voice;
	}

	#exchange(id: string): Exchange | undefined {
		return this.exchanges.find((exchange) => exchange.id === id);
	}

	#hear(told: ChatPageEvent): void {
		if (told.kind !== 'chat') return;
		const { event } = told;
		const exchange = this.#exchange(told.id);
		if (!exchange) return;
		this.#update(told.id, { said: exchange.said.map((one) => (one.speaker.id === event.speaker ? heard(one, event) : one)) });
	}

	#update(id: string, changes: Partial<Exchange>): void {
		this.exchanges = this.exchanges.map((exchange) => (exchange.id === id ? { ...exchange, ...changes } : exchange));
	}
}
