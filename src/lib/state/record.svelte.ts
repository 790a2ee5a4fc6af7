import type { Evaluation, Inside, Overhead, RunEvent, StepMetrics } from '$lib/experiment/events';
import type { ArmId } from '$lib/experiment/schema';

import { type Call, type Card, cardsOf, withPair } from './cards';
import { type Margins, NO_MARGINS, withMargins } from './margins';

export interface StepPoint {
	step: number;
	metrics: StepMetrics;
	overhead: Overhead;
}

/** What was found inside of the copy after so many steps. */
export interface InsidePoint extends Inside {
	step: number;
}

/** What the charts, the stream and the grid show: an arm and what it has told, whether it runs now, was kept, or is played back. */
export interface ShownRun {
	arm: ArmId;
	record: RunRecord;
}

type Event<K extends RunEvent['kind']> = Extract<RunEvent, { kind: K }>;

/** Between two renderings at least, in ms: a reader sees no more than ten a second, and training has better uses for the core. */
const RENDER_INTERVAL = 100;
/** Of the page's time at most this share goes into renderings: where they are slow they are fewer, and what the reader does finds the page free. */
const RENDER_SHARE = 1 / 4;

/** Everything that a run has told, ready to be shown. What comes is replaced, never pushed to: thousands of records need no proxies. */
export class RunRecord {
	steps = $state.raw<readonly StepPoint[]>([]);
	evaluations = $state.raw<readonly Evaluation[]>([]);
	/** Of each evaluation that looked inside. */
	inside = $state.raw<readonly InsidePoint[]>([]);
	/** In the order in which the conscience spoke. */
	cards = $state.raw<readonly Card[]>([]);
	calls = $state.raw<readonly Call[]>([]);
	margins = $state.raw<Margins>(NO_MARGINS);
	/** Where the experiment was changed while the run went on. */
	changes = $state.raw<readonly Event<'change'>[]>([]);
	/** What its method did or found. */
	notes = $state.raw<readonly Event<'note'>[]>([]);
	progress = $state.raw<Event<'progress'> | null>(null);
	overhead = $state.raw<Overhead | null>(null);
	/** Numbers in the adapter. */
	trainableParameters = $state<number | null>(null);
	/** The step before which the conscience is called next. */
	nextCall = $state<number | null>(null);

	/** Optimizer steps done. */
	readonly step = $derived(this.steps.at(-1)?.step ?? 0);
	readonly evaluation = $derived(this.evaluations.at(-1) ?? null);

	/** Nothing has come yet. */
	readonly empty = $derived(this.steps.length === 0 && this.evaluations.length === 0 && this.progress === null);

	#queue: RunEvent[] = [];
	#shownAt = -Infinity;
	/** How long the last rendering took, in ms. */
	#took = 0;
	#timer: ReturnType<typeof setTimeout> | null = null;

	/** Takes an event; it shows at once or with the others of the next tenth of a second, or later where the page has its hands full. */
	add(event: RunEvent): void {
		this.#queue.push(event);
		if (this.#timer === null) this.#showSoon();
	}

	#showSoon(): void {
		const interval = Math.max(RENDER_INTERVAL, this.#took / RENDER_SHARE);
		this.#timer = setTimeout(() => this.#show(), Math.max(0, this.#shownAt + interval - performance.now()));
	}

	#show(): void {
		this.flush();
		// What depends on it is drawn before the next task begins.
		this.#timer = setTimeout(() => {
			this.#took = performance.now() - this.#shownAt;
			this.#timer = null;
			if (this.#queue.length > 0) this.#showSoon();
		});
	}

	/** Shows all that has come. */
	flush(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		this.#shownAt = performance.now();
		const events = this.#queue;
		if (events.length === 0) return;
		this.#queue = [];
		this.#showSteps(events.filter((event) => event.kind === 'step'));
		this.#showConscience(events);
		const evaluated = events.filter((event) => event.kind === 'evaluation');
		if (evaluated.length > 0) {
			this.evaluations = [...this.evaluations, ...evaluated.map(({ evaluation }) => evaluation)];
			this.inside = [
				...this.inside,
				...evaluated.flatMap(({ evaluation, inside }) => (inside ? [{ step: evaluation.adapterStep ?? evaluation.step, ...inside }] : [])),
			];
		}
		const changes = events.filter((event) => event.kind === 'change');
		if (changes.length > 0) this.changes = [...this.changes, ...changes];
		const notes = events.filter((event) => event.kind === 'note');
		if (notes.length > 0) this.notes = [...this.notes, ...notes];
		for (const event of events) {
			if (event.kind === 'started') this.trainableParameters = event.trainableParameters;
			if (event.kind === 'step' || event.kind === 'finished') this.overhead = event.overhead;
			// Not every event knows the time left; the last that did still holds.
			if (event.kind === 'progress') this.progress = { ...event, secondsLeft: event.secondsLeft ?? this.progress?.secondsLeft ?? null };
		}
	}

	/** Shows what a kept run had told, as if it came now. */
	restore(events: readonly RunEvent[]): void {
		this.clear();
		this.#queue = [...events];
		this.flush();
	}

	clear(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		this.#queue = [];
		this.steps = [];
		this.evaluations = [];
		this.inside = [];
		this.cards = [];
		this.calls = [];
		this.margins = NO_MARGINS;
		this.changes = [];
		this.notes = [];
		this.progress = null;
		this.overhead = null;
		this.nextCall = null;
	}

	#showSteps(events: readonly Event<'step'>[]): void {
		if (events.length === 0) return;
		this.steps = [...this.steps, ...events.map(({ step, metrics, overhead }) => ({ step, metrics, overhead }))];
		this.nextCall = events.at(-1)!.nextCall;
		this.margins = withMargins(this.margins, events);
	}

	#showConscience(events: readonly RunEvent[]): void {
		if (!events.some(({ kind }) => kind === 'verdicts' || kind === 'pairs')) return;
		const cards = [...this.cards];
		const calls = [...this.calls];
		for (const event of events) {
			if (event.kind === 'verdicts') {
				cards.push(...cardsOf(event));
				const flagged = event.verdicts.filter((verdict) => verdict.flagged).length;
				calls.push({ step: event.step, asked: event.verdicts.length, flagged, pairs: 0 });
			} else if (event.kind === 'pairs') {
				for (const pair of event.pairs) {
					const index = cards.findLastIndex(({ id }) => id === pair.verdictId); // among the newest
					if (index >= 0) cards[index] = withPair(cards[index]!, pair);
				}
				const call = calls.pop(); // a call's pairs follow its verdicts at once
				if (call) calls.push({ ...call, pairs: event.pairs.length });
			}
		}
		this.cards = cards;
		this.calls = calls;
	}
}
