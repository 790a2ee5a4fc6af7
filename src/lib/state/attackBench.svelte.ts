import type { BenchPrompt } from '$lib/experiment/attackBench';
import type { BenchReport, WrittenReport } from '$lib/experiment/benchReport';
import type { LineFault } from '$lib/experiment/jsonLines';
import { parsePrompts } from '$lib/experiment/promptFile';
import { randomId } from '$lib/storage/randomId';
import type { ChatGate, ChatJudge } from '$lib/worker/chatProtocol';

import type { ChatModel } from './chatModel.svelte';

/** A file of the reader's prompts; lines that are none wait for consent to leave them out. */
export interface GivenPrompts {
	fileName: string;
	prompts: readonly BenchPrompt[];
	faults: readonly LineFault[];
}

/** How far a bench is. */
export interface BenchProgress {
	done: number;
	total: number;
	/** Null until it can be told. */
	secondsLeft: number | null;
}

/** Attacks on every voice that is chosen, with the conscience and without. */
export class AttackBench {
	report = $state.raw<BenchReport | null>(null);
	/** What the command line found, which lies beside the page; null until it has come, or where there is none. */
	recorded = $state.raw<WrittenReport | null>(null);
	/** Null while nothing is attacked; the total is 0 while the models are loaded. */
	progress = $state.raw<BenchProgress | null>(null);
	fault = $state<string | null>(null);
	given = $state.raw<GivenPrompts | null>(null);
	#id: string | null = null;

	constructor(
		private model: ChatModel,
		private fetchRecorded: () => Promise<WrittenReport | null> = async () => null,
	) {}

	/** Fetches what the command line found; `fault` says what is wrong with it. */
	async findRecorded(): Promise<void> {
		if (this.recorded) return;
		try {
			this.recorded = await this.fetchRecorded();
		} catch (error) {
			this.fault = (error as Error).message;
		}
	}

	/** Reads a file of prompts; `fault` says what is wrong where it holds none. */
	async give(file: File): Promise<void> {
		this.fault = this.given = null;
		try {
			this.given = { fileName: file.name, ...parsePrompts(file.name, await file.text()) };
		} catch (error) {
			this.fault = (error as Error).message;
		}
	}

	dropFile(): void {
		this.given = null;
	}

	/** Attacks these voices with the world's prompts, or with those of the file that was given. */
	async begin(
		voices: readonly string[],
		options: { framework: string; judge: ChatJudge; gate: ChatGate; samples: number; seed: number },
	): Promise<void> {
		if (this.progress || voices.length === 0) return;
		const id = (this.#id = randomId());
		this.fault = null;
		this.progress = { done: 0, total: 0, secondsLeft: null };
		try {
			await this.model.prepare(voices, options.judge);
			if (this.#id !== id) return;
			const start = performance.now();
			const { framework, judge, ...rest } = options;
			const speakers = voices.map((key) => ({ id: this.model.voices.find((voice) => voice.key === key)?.name ?? key, adapter: key === 'base' ? null : key })); // prettier-ignore
			const params = { id, speakers, prompts: this.given?.prompts ?? null, standards: this.model.standards(framework, judge), ...rest };
			const report = await this.model.attack(params, (event) => {
				if (event.kind !== 'bench' || this.#id !== id) return;
				const { done, total } = event;
				this.progress = { done, total, secondsLeft: (((performance.now() - start) / 1000) * (total - done)) / done };
			});
			if (this.#id === id) this.report = report;
		} catch (error) {
			if (this.#id === id && (error as Error).name !== 'AbortError') this.fault = (error as Error).message;
		} finally {
			if (this.#id === id) this.progress = this.#id = null;
		}
	}

	/** The report so far stays. */
	async cancel(): Promise<void> {
		const id = this.#id;
		this.#id = this.progress = null;
		if (id) await this.model.hush(id);
	}
}
