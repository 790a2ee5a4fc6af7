import type { RunEvent } from '$lib/experiment/events';
import { changesBetween, isJudgesPlace } from '$lib/experiment/live';
import type { Recording } from '$lib/experiment/recording';
import type { ArmId, Experiment } from '$lib/experiment/schema';

import { RunRecord, type ShownRun } from './record.svelte';

/** Time that a whole recorded run takes to play without rests, and between two moments of it, in ms. */
export const PLAYING_TIME = 25_000;
const TICK = 100;

/** An event of a recorded run, and how many steps its copy had done when it came. */
export interface Cue {
	at: number;
	arm: ArmId;
	event: RunEvent;
}

/** The events of all copies in one row, by step, as they would have come from copies that learn side by side. */
export function cuesOf({ copies }: Recording): Cue[] {
	const cues = copies.flatMap(({ arm, events }) => {
		let at = 0;
		return events.map((event): Cue => {
			if (event.kind === 'step') at = event.step;
			return { at, arm, event };
		});
	});
	return cues.sort((a, b) => a.at - b.at); // stable: what one copy told keeps its order
}

/** Of a recording the copies that `experiment` has, as a recording of that. */
export function copiesOf({ experiment: recorded, copies }: Recording, { name, arms }: Experiment): Recording {
	const told = copies.filter(({ arm }) => arms.includes(arm));
	return { experiment: { ...recorded, name, arms: told.map(({ arm }) => arm) }, copies: told };
}

/** A run that was computed earlier, told again at a pleasant speed, so that a page just opened shows what it is about. */
export class Playback {
	/** What the charts show of it; empty until the recording has come, and where there is none. */
	runs = $state.raw<readonly ShownRun[]>([]);
	/** What the recorded run was run with; null without a recording. */
	experiment = $state.raw<Experiment | null>(null);
	/** `absent` until the recording has come. */
	status = $state<'absent' | 'playing' | 'paused' | 'ended'>('absent');
	/** Steps told so far, of `steps`. */
	step = $state(0);
	readonly steps = $derived(this.experiment?.optimizer.steps ?? 0);

	/** A rest for each step, in ms, as a run would take it. */
	rest = 0;

	#opening: Promise<void> | null = null;
	#cues: readonly Cue[] = [];
	#told = 0;
	/** How much of it has played, 0 to 1, and the moment up to which that was counted, in ms. */
	#played = 0;
	#countedAt = 0;
	#timer: ReturnType<typeof setInterval> | null = null;

	/** `still` says whether the reader wants nothing to move by itself. */
	constructor(
		private load: () => Promise<Recording>,
		private still: () => boolean,
	) {}

	/** Loads the recording. Without one, or with a damaged one, nothing happens: the page is as it would be without it. */
	open(): Promise<void> {
		this.#opening ??= this.load().then(
			(recording) => this.#take(recording),
			() => {},
		);
		return this.#opening;
	}

	/** Plays for a reader who has not asked for it; shows the end at once to one who wants nothing to move by itself. */
	begin(): void {
		if (this.still()) this.finish();
		else this.play();
	}

	/** True when the recording was made with these settings, wherever the judge was: a recording is made where there is no WebLLM. */
	tells(experiment: Experiment): boolean {
		return this.experiment !== null && changesBetween(this.experiment, experiment).every(isJudgesPlace);
	}

	/** Goes on; from the beginning once the end was reached. */
	play(): void {
		if (this.status === 'absent' || this.status === 'playing') return;
		if (this.status === 'ended') this.#rewind();
		this.#countedAt = performance.now();
		this.#timer = setInterval(() => this.#tick(), TICK);
		this.status = 'playing';
		this.#tick(); // what was known before the first step is there at once
	}

	pause(): void {
		if (this.status !== 'playing') return;
		this.#stopTimer();
		this.status = 'paused';
	}

	/** Tells the rest at once. */
	finish(): void {
		if (this.status === 'absent') return;
		this.#stopTimer();
		this.#tell(this.steps);
		this.status = 'ended';
	}

	#take(recording: Recording): void {
		this.#cues = cuesOf(recording);
		this.runs = recording.copies.map(({ arm }) => ({ arm, record: new RunRecord() }));
		this.experiment = recording.experiment;
		this.status = 'paused';
	}

	#tick(): void {
		const now = performance.now();
		this.#played += (now - this.#countedAt) / (PLAYING_TIME + this.steps * this.rest);
		this.#countedAt = now;
		if (this.#played >= 1) this.finish();
		else this.#tell(this.steps * this.#played);
	}

	/** Tells all that had come by this many steps. */
	#tell(steps: number): void {
		for (; this.#told < this.#cues.length && this.#cues[this.#told]!.at <= steps; this.#told++) {
			const { arm, event } = this.#cues[this.#told]!;
			this.runs.find((run) => run.arm === arm)?.record.add(event);
		}
		for (const { record } of this.runs) record.flush();
		this.step = Math.min(this.steps, Math.floor(steps));
	}

	#rewind(): void {
		for (const { record } of this.runs) record.clear();
		this.#told = 0;
		this.#played = 0;
		this.step = 0;
	}

	#stopTimer(): void {
		if (this.#timer !== null) clearInterval(this.#timer);
		this.#timer = null;
	}
}
