import { parseRows, type RowFault } from '$lib/experiment/rows';
import { type ArmId, ARMS, type Experiment, parseExperiment } from '$lib/experiment/schema';
import type { Rows } from '$lib/worker/protocol';

import { type PageEngine, type PageLink, presetOf, readPageLink, writePageLink } from './pageLink';
import { Run, type RunSettings, sameSettings, type WorkerPort } from './run.svelte';

/** Where the link is kept: the page's route, or a stand-in in a test. `go` leaves the old link in the history. */
export interface LinkPlace {
	readonly query: string;
	go(query: string): void;
}

/** A file of rows that holds lines which are none: it waits for the reader's consent to leave them out. */
export interface FaultyRows extends Rows {
	faults: RowFault[];
}

/** The experiment of the page and its runs, one for each arm, side by side. */
export class Lab {
	/** What the lab is doing, from the press of a button until every arm has answered. */
	activity = $state<'play' | 'step' | 'reset' | null>(null);
	/** The user's own rows, and those that wait for consent. */
	rows = $state.raw<Rows | null>(null);
	faultyRows = $state.raw<FaultyRows | null>(null);
	/** What is wrong with a file that was given to the page. */
	fileFault = $state<string | null>(null);
	/** The malformed link whose message the reader has put away. */
	#dismissedLink = $state<string | null>(null);
	/** What the runs on the page were begun with; null while nothing has been begun. */
	#begun = $state.raw<RunSettings | null>(null);
	#all: Record<ArmId, Run>;

	readonly #link = $derived.by(() => readPageLink(this.place.query));
	readonly experiment = $derived(this.#link.experiment);
	readonly preset = $derived(this.#link.preset);
	readonly engine = $derived(this.#link.engine);
	/** The whole link, also where the address bar holds none yet. */
	readonly query = $derived(writePageLink(this.#link));
	readonly linkFault = $derived.by(() => (this.place.query === this.#dismissedLink ? null : this.#link.fault));
	/** What a run begun now would be run with. */
	readonly settings: RunSettings = $derived.by(() => ({
		experiment: this.experiment,
		rows: this.experiment.data.source === 'rows' ? this.rows : null,
		engine: this.engine,
		checkpointUrl: this.checkpointUrl(this.experiment.model.checkpoint),
	}));
	/** The experiment that the charts show: a run goes on with what it was begun with, whatever is changed meanwhile. */
	readonly shown = $derived((this.#begun ?? this.settings).experiment);
	/** The arms on the page, in the order of ARMS. */
	readonly runs = $derived(ARMS.filter((arm) => this.shown.arms.includes(arm)).map((arm) => this.#all[arm]));
	readonly changed = $derived(this.#begun !== null && !sameSettings(this.#begun, this.settings));
	readonly over = $derived(this.#begun !== null && this.runs.every((run) => run.over));
	readonly playing = $derived(this.activity === 'play' || this.runs.some(({ working }) => working === 'play'));
	/** Something was computed that a reload would lose. */
	readonly underway = $derived(this.#begun !== null && !this.over);
	readonly secondsLeft = $derived(
		this.runs.reduce<number | null>((longest, { over, record }) => {
			const left = over ? 0 : (record.progress?.secondsLeft ?? null);
			return left === null || longest === null ? null : Math.max(longest, left);
		}, 0),
	);
	/** Why the runs can't begin, in words; null if they can. */
	readonly hindrance = $derived(
		this.settings.experiment.data.source === 'rows' && !this.rows
			? 'This experiment learns from your own rows, and a link does not carry them. Choose the file under “Your own data”.'
			: null,
	);

	/** `checkpointUrl` makes a checkpoint's absolute URL from its name in an experiment. */
	constructor(
		private place: LinkPlace,
		connect: (arm: ArmId) => WorkerPort,
		private checkpointUrl: (checkpoint: string) => string,
	) {
		this.#all = Object.fromEntries(ARMS.map((arm) => [arm, new Run(arm, connect)])) as Record<ArmId, Run>;
	}

	/** Changes the experiment; the link follows, and the back button undoes it. */
	change(edit: (experiment: Experiment) => void): void {
		const experiment = structuredClone(this.experiment);
		edit(experiment);
		this.#go({ preset: this.preset, experiment, engine: this.engine });
	}

	choosePreset(preset: PageLink['preset']): void {
		this.#go({ preset, experiment: preset.experiment, engine: this.engine });
	}

	chooseEngine(engine: PageEngine): void {
		this.#go({ preset: this.preset, experiment: this.experiment, engine });
	}

	dismissLinkFault(): void {
		this.#dismissedLink = this.place.query;
	}

	/** Loads engine and model before they are asked for, so that the first press of Run begins at once. */
	async warm(): Promise<void> {
		if (this.#begun || this.hindrance) return;
		await Promise.all(this.runs.map((run) => run.open(this.settings)));
	}

	async play(): Promise<void> {
		if (this.hindrance) return;
		if (this.over) await this.reset();
		await this.#act('play', (run, settings) => run.play(settings));
	}

	async stepOnce(): Promise<void> {
		if (this.hindrance || this.over) return;
		await this.#act('step', (run, settings) => run.stepOnce(settings));
	}

	async pause(): Promise<void> {
		await Promise.all(this.runs.map((run) => run.pause()));
	}

	async cancel(): Promise<void> {
		await Promise.all(this.runs.map((run) => run.cancel()));
		// Cancelled before anything was begun: there is no run to show.
		if (this.runs.every((run) => run.status === 'new')) this.#begun = null;
	}

	/** Back to step 0, with the settings as they are now. */
	async reset(): Promise<void> {
		this.activity = 'reset';
		this.#begun = null; // from here on the arms are those of the settings
		this.#discardOthers();
		await Promise.all(this.runs.map((run) => run.reset(this.settings)));
		if (this.activity === 'reset') this.activity = null;
	}

	/** Starts one copy again from step 0 and lets it run, after it has failed; the other goes on. */
	async restart(run: Run): Promise<void> {
		await run.play(this.#begun ?? this.settings);
	}

	/** Goes on without the GPU: all copies start again from step 0 on WebAssembly, so that they stay comparable. */
	async restartOnWasm(): Promise<void> {
		this.chooseEngine('wasm');
		await this.reset();
		await this.play();
	}

	/** Takes the text of a file: an experiment.json, or rows of training data as JSON lines. What can't be read changes nothing. */
	takeFile(fileName: string, text: string): void {
		this.fileFault = null;
		try {
			if (/\.json$/i.test(fileName)) this.#takeExperiment(text);
			else this.#takeRows(fileName, text);
		} catch (error) {
			this.fileFault = `${fileName} can't be used. ${(error as Error).message}`;
		}
	}

	/** Learns from these rows from the next run on. */
	useRows({ fileName, rows }: Rows): void {
		this.rows = { fileName, rows };
		this.faultyRows = null;
		this.change((experiment) => (experiment.data.source = 'rows'));
	}

	#takeExperiment(text: string): void {
		const experiment = parseExperiment(JSON.parse(text));
		this.#go({ preset: presetOf(experiment), experiment, engine: this.engine });
	}

	#takeRows(fileName: string, text: string): void {
		const { rows, faults } = parseRows(text);
		if (rows.length === 0) {
			const why = faults[0] ? ` Line ${faults[0].line} ${faults[0].message}.` : '';
			throw new RangeError(
				`It holds no rows: each line must be {"messages":[{"role":"user","content":…},{"role":"assistant","content":…}]}.${why}`,
			);
		}
		if (faults.length > 0) this.faultyRows = { fileName, rows, faults };
		else this.useRows({ fileName, rows });
	}

	/** Lets all arms work at once; settings that changed since the runs were begun wait for a reset. */
	async #act(activity: 'play' | 'step', work: (run: Run, settings: RunSettings) => Promise<void>): Promise<void> {
		if (this.activity) return;
		this.activity = activity;
		if (!this.#begun) this.#discardOthers();
		const settings = (this.#begun ??= this.settings);
		await Promise.all(this.runs.map((run) => work(run, settings)));
		if (this.activity === activity) this.activity = null;
	}

	/** Frees the workers of arms that the experiment doesn't have. */
	#discardOthers(): void {
		for (const run of Object.values(this.#all)) if (!this.runs.includes(run)) run.discard();
	}

	#go(link: PageLink): void {
		this.place.go(writePageLink(link));
	}
}
