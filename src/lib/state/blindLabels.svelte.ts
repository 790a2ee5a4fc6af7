import type { Exchange, Label } from '$lib/conscience/judge';
import { exchangeKey } from '$lib/conscience/importedJudge';
import { distinct, sampled } from '$lib/experiment/labels/trialAnswers';
import type { KeptBlindLabel } from '$lib/storage/database';

import { labellersOf, saidBy } from './labelSets';

/** Where blind labels are kept. */
export interface BlindLabelStore {
	read(): Promise<KeptBlindLabel[]>;
	write(label: KeptBlindLabel): Promise<void>;
	deleteOf(labeller: string): Promise<void>;
}

/** A longer rest than this, in seconds, is no part of the pace: somebody went away. */
const LONGEST_REST = 60;

/** Somebody who labels answers one after the other, without seeing what a judge, or anybody, said of them. */
export class BlindLabels {
	/** All that was said in this browser, by whomever; null until it is read. */
	kept = $state.raw<readonly KeptBlindLabel[] | null>(null);
	labeller = $state('');
	/** What is to be labelled in this sitting; empty before one begins. */
	queue = $state.raw<readonly Exchange[]>([]);
	/** The place in the queue; at its end there is nothing more to say. */
	at = $state(0);
	/** Answers of this sitting's source that were labelled before. */
	before = $state(0);
	fault = $state<string | null>(null);
	/** When labels of this sitting were given, in ms. */
	#times = $state.raw<readonly number[]>([]);

	readonly current = $derived(this.queue[this.at] ?? null);
	/** What this labeller has said, by answer. */
	readonly #mine = $derived(saidBy(this.labeller, this.kept ?? []));
	readonly labellers = $derived(labellersOf(this.kept ?? []));
	/** What the labeller has said of the current answer; null while nothing. */
	readonly said = $derived(this.current && (this.#labelOf(this.current) ?? null));
	/** Seconds for each label, as it goes now; null before the second. */
	readonly secondsEach = $derived.by(() => {
		const rests = this.#times.slice(1).map((time, i) => Math.min(LONGEST_REST, (time - this.#times[i]!) / 1000));
		return rests.length > 0 ? rests.reduce((sum, rest) => sum + rest, 0) / rests.length : null;
	});
	/** How many of the queue the labeller has said something of. */
	readonly done = $derived(this.queue.filter((exchange) => this.#labelOf(exchange)).length);

	constructor(
		private store: BlindLabelStore,
		private now: () => number = Date.now,
	) {}

	async load(): Promise<void> {
		await this.#attempt(async () => {
			this.kept = await this.store.read();
			this.labeller ||= this.kept.at(-1)?.labeller ?? '';
		});
	}

	/** Begins a sitting of at most `count` of these answers, in an order of chance; those that this labeller knows already are passed over. */
	begin(answers: readonly Exchange[], count: number): void {
		this.labeller = this.labeller.trim() || 'somebody';
		const chosen = sampled(distinct(answers), count).map(({ question, answer }) => ({ question: question.trim(), answer: answer.trim() }));
		this.queue = chosen.filter((exchange) => !this.#labelOf(exchange));
		this.before = chosen.length - this.queue.length;
		this.at = 0;
		this.#times = [];
	}

	/** Keeps what the labeller says of the current answer, and goes on to the next. */
	async say(label: Label): Promise<void> {
		const { current, labeller } = this;
		if (!current) return;
		const saidAt = this.now();
		const kept: KeptBlindLabel = { ...current, labeller, label, saidAt };
		const isIt = (other: KeptBlindLabel) => other.labeller === labeller && exchangeKey(other) === exchangeKey(current);
		this.kept = [...(this.kept ?? []).filter((other) => !isIt(other)), kept];
		this.#times = [...this.#times, saidAt];
		this.at++;
		await this.#attempt(() => this.store.write(kept));
	}

	skip(): void {
		this.at = Math.min(this.queue.length, this.at + 1);
	}

	back(): void {
		this.at = Math.max(0, this.at - 1);
	}

	/** Ends the sitting; what was said stays. */
	end(): void {
		this.queue = [];
	}

	async delete(labeller: string): Promise<void> {
		await this.#attempt(async () => {
			await this.store.deleteOf(labeller);
			this.kept = (this.kept ?? []).filter((label) => label.labeller !== labeller);
		});
	}

	#labelOf(exchange: Exchange): Label | undefined {
		return this.#mine.get(exchangeKey(exchange));
	}

	async #attempt(work: () => Promise<void>): Promise<void> {
		this.fault = null;
		try {
			await work();
		} catch (error) {
			this.fault = (error as Error).message;
		}
	}
}
