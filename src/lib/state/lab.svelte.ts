import { tick, untrack } from 'svelte';

import type { Label } from '$lib/conscience/judge';
import { listens } from '$lib/experiment/methods/index';
import { verdictFileOf, wantsVerdicts } from '$lib/experiment/judgeFile';
import { memoryFileOf } from '$lib/experiment/memoryNamed';
import { questionFileOf } from '$lib/experiment/ownQuestions';
import { areLive, changesBetween } from '$lib/experiment/live';
import { type ArmId, ARMS, type Experiment } from '$lib/experiment/schema';

import { Asking } from './asking.svelte';
import { GivenFiles } from './givenFiles.svelte';
import { judgeModelOf } from './judgeSource';
import { Judging } from './judging.svelte';
import { Keeping, type RunStore } from './keeping.svelte';
import { isStoryItself, isEngine, type LinkPlace, type PageEngine, type PageLink, presetOf, readPageLink, writePageLink } from './pageLink';
import type { ShownRun } from './record.svelte';
import { Run, type WorkerPort } from './run.svelte';
import { hindranceOf, type RunSettings, sameSettings } from './runSettings';
import { secondsLeftOf } from './timeLeft';

/** A recording of a story that plays until the reader runs something. */
export interface Recording {
	/** The story's id. */
	readonly story: string;
	readonly runs: readonly ShownRun[];
}

/** The experiment of the page and its runs, one for each arm, side by side. */
export class Lab {
	/** What the lab is doing, from the press of a button until every arm has answered. */
	activity = $state<'play' | 'step' | 'reset' | null>(null);
	/** Why a change was not taken over by the run that goes on. */
	liveFault = $state<string | null>(null);
	/** A rest after every step, in ms. */
	pace = $state(0);
	/** The press of Run or One step that came to nothing because something is missing, as its judge; 0 while there is none. */
	heldUp = $state(0);
	/** Plays while nothing was begun; null without one. */
	recording = $state.raw<Recording | null>(null);
	readonly keeping: Keeping;
	readonly judging: Judging;
	readonly asking = new Asking();
	readonly files = new GivenFiles(this);
	/** The malformed link whose message the reader has put away. */
	#dismissedLink = $state<string | null>(null);
	/** What the runs on the page were begun with; null while nothing has been begun. */
	#begun = $state.raw<RunSettings | null>(null);
	/** Presses of Run, One step, Pause, End here and Reset so far: what waits for a judge, or for a place in the store, is for the newest only. */
	#presses = 0;
	/** The press that `activity` is of. */
	#acting = 0;
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
		rows: this.experiment.data.source === 'rows' ? this.files.rows : null,
		verdictFile: verdictFileOf(this.experiment, this.files.verdictFiles),
		questions: questionFileOf(this.experiment, this.files.questions),
		memory: memoryFileOf(this.experiment, this.files.memory),
		engine: this.engine,
		checkpointUrl: this.checkpointUrl(this.experiment.model.checkpoint),
	}));
	/** The experiment that the charts show: a run goes on with what it was begun with, whatever is changed meanwhile. */
	readonly shown = $derived((this.#begun ?? this.settings).experiment);
	/** The arms on the page, in the order of ARMS. */
	readonly runs = $derived(ARMS.filter((arm) => this.shown.arms.includes(arm)).map((arm) => this.#all[arm]));
	/** A recording can be shown: nothing was begun, and nothing of the story was changed. */
	readonly recordable = $derived(this.#begun === null && isStoryItself(this.#link));
	/** What is on the page is a recording of its story. */
	readonly recorded = $derived(this.recordable && this.recording?.story === this.preset.id);
	/** The experiment as it was when what is shown began; the copies' records tell what was changed since. */
	readonly begunWith: Experiment = $derived.by(() => {
		const judged = this.runs.find(({ arm }) => listens(arm)) ?? this.runs[0];
		return (this.#begun && judged?.begunWith) ?? this.shown;
	});
	readonly shownRuns: readonly ShownRun[] = $derived.by(() => (this.recorded && this.recording ? this.recording.runs : this.runs));
	readonly changed = $derived(this.#begun !== null && !sameSettings(this.#begun, this.settings));
	readonly over = $derived(this.#begun !== null && this.runs.every((run) => run.over));
	readonly playing = $derived(this.activity === 'play' || this.runs.some(({ working }) => working === 'play'));
	/** Something was computed that a reload would lose. */
	readonly underway = $derived(this.#begun !== null && !this.over);
	readonly secondsLeft = $derived(secondsLeftOf(this.runs));
	/** Why the runs can't begin, in words; null if they can. */
	readonly hindrance = $derived(hindranceOf(this.settings));

	/** `checkpointUrl` makes a checkpoint's absolute URL from its name in an experiment. */
	constructor(
		private place: LinkPlace,
		connect: (arm: ArmId) => WorkerPort,
		private checkpointUrl: (checkpoint: string) => string,
		store: RunStore,
		connectJudge: () => WorkerPort,
	) {
		this.#all = Object.fromEntries(ARMS.map((arm) => [arm, new Run(arm, connect)])) as Record<ArmId, Run>;
		this.keeping = new Keeping(store);
		this.judging = new Judging(connectJudge);
		// The link is the experiment, whoever changed it: a knob, the back button, a hand in the address bar.
		$effect.root(() => {
			$effect(() => this.#follow(this.settings));
		});
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

	/** Takes an experiment as it is: one of a file, or of a run that goes on. */
	load(experiment: Experiment, engine: PageEngine = this.engine): void {
		this.#go({ preset: presetOf(experiment), experiment, engine });
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
		const { judgeModel } = this.settings.experiment.conscience; // any other than the base is downloaded when it is needed
		const judge = judgeModel === 'base' ? [this.judging.prepare(this.settings)] : [];
		await Promise.all([...judge, ...this.runs.map((run) => prepare(run, this.settings))]);
	}

	async play(): Promise<void> {
		if (this.#isHindered(this.over ? this.settings : this.running)) return;
		if (this.over) await this.reset();
		await this.#act('play', (run, settings) => run.play(settings));
	}

	/** One step of every copy; where a pause has caught them at different steps, of those that are behind. */
	async stepOnce(): Promise<void> {
		if (this.over || this.#isHindered(this.running)) return;
		const going = this.runs.filter(({ over }) => !over);
		const least = Math.min(...going.map(({ record }) => record.step));
		const behind = going.filter(({ record }) => record.step === least);
		await this.#act('step', async (run, settings) => {
			if (behind.includes(run)) await run.stepOnce(settings);
		});
	}

	async pause(): Promise<void> {
		this.#presses++;
		await Promise.all([this.judging.cancel(), ...this.runs.map((run) => run.pause())]);
	}

	async cancel(): Promise<void> {
		this.#presses++;
		await Promise.all([this.judging.cancel(), ...this.runs.map((run) => run.cancel())]);
		if (this.over) return this.keeping.settle(this.runs);
		if (this.runs.some((run) => run.status !== 'new')) return;
		this.#begun = null; // cancelled before anything was begun: there is no run to show
		this.keeping.end();
	}

	/** Back to step 0, with the settings as they are now. */
	async reset(): Promise<void> {
		this.activity = 'reset';
		const mine = (this.#acting = ++this.#presses);
		this.keeping.end();
		this.#begun = null; // from here on the arms are those of the settings
		this.asking.beginAfresh();
		this.judging.decline(); // nothing waits for the answer any more
		this.#discardOthers();
		await Promise.all(this.runs.map((run) => run.reset(this.settings)));
		if (this.#acting === mine) this.activity = null;
	}

	/** Starts one copy again from step 0 and lets it run, after it has failed; the other goes on. */
	async restart(run: Run): Promise<void> {
		const begun = this.#begun;
		if (!begun) return run.reset(this.settings); // it could not be loaded; nothing was begun
		const former = run.keptAs;
		void run.reset(begun);
		void run.begin(begun);
		await this.keeping.replace(former, run, begun);
		await this.#playAgain(run);
	}

	/** Lets one copy that has failed go on from its last step that was kept. */
	async goOn(run: Run): Promise<void> {
		const { keptAs: id, begunWith: experiment } = run;
		if (!this.#begun || !id || !experiment) return;
		const events = await this.keeping.readBack(run);
		if (events && this.#begun && (await run.resume(this.#begun, { id, status: 'underway', experiment }, events)))
			await this.#playAgain(run);
		else if (this.over) this.keeping.settle(this.runs);
	}

	/** Lets a copy that waits for its judge go on, with the judge loaded again where it was lost. */
	async askJudgeAgain(run: Run): Promise<void> {
		if (this.#begun && (await this.judging.prepare(this.#begun))) await this.#playAgain(run);
	}

	/** Lets the frozen copy inside the trainer judge from now on, and goes on; also in the place of a model that the reader does not want to load. */
	async judgeInTrainer(): Promise<void> {
		const isAsked = this.judging.loading?.kind === 'asking'; // then whatever waits for the answer goes on by itself
		this.judging.fault = null;
		this.change(({ conscience }) => (conscience.judge = 'frozen-self'));
		await tick(); // then the runs that go on have been told
		const waiting = this.runs.filter(({ judgeLost }) => judgeLost !== null);
		this.judging.decline();
		if (waiting.length > 0) await Promise.all(waiting.map((run) => this.#playAgain(run)));
		else if (!isAsked && this.heldUp > 0 && this.heldUp === this.#presses) await this.play();
	}

	/** Lets the judge so far go on, in the place of a model that the reader does not want to load. */
	keepJudge(): void {
		const { source } = this.judging;
		if (source) this.change(({ conscience }) => (conscience.judgeModel = judgeModelOf(source, this.settings)));
	}

	/** Lets one copy play, unless all were reset meanwhile. */
	async #playAgain(run: Run): Promise<void> {
		if (!this.#begun || !(await this.#meetJudge(run, this.#begun)) || !this.#begun) return;
		await run.play(this.#begun);
		if (this.over) this.keeping.settle(this.runs);
	}

	/** Goes on with the runs that were interrupted, from where they stood. */
	async resume(): Promise<void> {
		const restored = await this.keeping.restore();
		if (!restored) return;
		const { experiment, rows, verdictFiles, questions, memory, engine, copies } = restored;
		this.files.rows = rows;
		this.files.questions = questions;
		this.files.memory = memory;
		this.files.remember(verdictFiles);
		this.load(experiment, isEngine(engine) ? engine : 'auto');
		const settings = (this.#begun = this.settings);
		this.#discardOthers();
		const resumed = await Promise.all(copies.map(({ header, events }) => this.#all[header.arm].resume(settings, header, events)));
		if (resumed.every(Boolean)) await this.play();
	}

	/** A rest after every step, in ms: 0 is as fast as it goes. */
	async setPace(restMs: number): Promise<void> {
		this.pace = restMs;
		await Promise.all(Object.values(this.#all).map((run) => run.pace(restMs)));
	}

	/** Puts a question of the reader's own to the model before training and to every copy as it is now. */
	async ask(question: string): Promise<void> {
		const settings = this.running;
		if (hindranceOf(settings)) return;
		await this.asking.ask(question, this.runs, (run) => run.open(settings));
	}

	/** Keeps what a person says of an answer that the judge read; null takes it back. */
	label(arm: ArmId, verdictId: string, label: Label | null): void {
		this.keeping.label(this.#all[arm], verdictId, label);
	}

	/** Pins an answer that the judge read, or takes the pin away. */
	pin(arm: ArmId, verdictId: string, pinned: boolean): void {
		this.keeping.pin(this.#all[arm], verdictId, pinned);
	}

	/** Goes on without the GPU: all copies start again from step 0 on WebAssembly, so that they stay comparable. */
	async restartOnWasm(): Promise<void> {
		this.chooseEngine('wasm');
		await this.reset();
		await this.play();
	}

	/** True where a press comes to nothing: the page tells what it waits for. */
	#isHindered(settings: RunSettings): boolean {
		const isHindered = hindranceOf(settings) !== null;
		if (isHindered) this.heldUp = ++this.#presses;
		return isHindered;
	}

	/** Lets all arms work at once; settings that changed since the runs were begun wait for a reset. */
	async #act(activity: 'play' | 'step', work: (run: Run, settings: RunSettings) => Promise<void>): Promise<void> {
		if (this.activity) return;
		this.activity = activity;
		this.heldUp = 0;
		const mine = (this.#acting = ++this.#presses);
		const isStopped = () => mine !== this.#presses;
		const now = () => (isStopped() ? null : this.running);
		const settings = this.judging.isMissing(this.running) ? await this.judging.judgeable(now) : now();
		if (!settings && !isStopped()) this.heldUp = mine;
		if (settings && !isStopped()) {
			if (!this.#begun) await this.#begin(settings);
			const act = async (run: Run) => {
				if ((await this.#meetJudge(run, this.running)) && !isStopped()) await work(run, this.running);
			};
			if (!isStopped()) await Promise.all(this.runs.map(act));
			if (this.over) this.keeping.settle(this.runs); // nothing more is written
		}
		if (this.#acting === mine) this.activity = null;
	}

	/** Gives each run its place in the store; from here on changes of the settings reach it only where a run can take them over. */
	async #begin(settings: RunSettings): Promise<void> {
		this.#begun = settings;
		this.#discardOthers();
		for (const run of this.runs) void run.begin(settings);
		await this.keeping.begin(this.runs, settings);
	}

	/** What the runs on the page are run with, or would be. */
	get running(): RunSettings {
		return this.#begun ?? this.settings;
	}

	/** Lets runs that go on take over what the link now says, where a run can. */
	#follow({ experiment, verdictFile }: RunSettings): void {
		untrack(() => this.judging.dropQuestion(this.settings));
		const [begun, over] = untrack(() => [this.#begun, this.over] as const);
		if (!begun || over) return;
		const changes = changesBetween(begun.experiment, experiment);
		if (changes.length === 0 || !areLive(changes)) return;
		if (wantsVerdicts(experiment) && !verdictFile) return; // the page asks for the file; until then the run has its judge
		this.#begun = { ...begun, experiment, verdictFile };
		this.liveFault = null;
		for (const run of untrack(() => this.runs)) {
			if (!untrack(() => run.over)) this.#adjust(run).catch((error: Error) => (this.liveFault = error.message));
		}
	}

	/** Lets a copy meet the judge outside of it, where it wants one that it does not know. False if that judge was lost meanwhile: then the copy waits. */
	async #meetJudge(run: Run, settings: RunSettings): Promise<boolean> {
		if (!this.judging.isStrangeTo(run, settings) || !(await run.open(settings))) return true;
		try {
			await this.judging.introduce(run, settings);
			return true;
		} catch (error) {
			run.judgeLost = (error as Error).message;
			return false;
		}
	}

	/** Lets a run that goes on take over what it now is to be run with; where another judge is wanted, as soon as there is one. */
	async #adjust(run: Run): Promise<void> {
		if (!this.#begun) return;
		if (this.judging.isStrangeTo(run, this.#begun)) await this.judging.introduce(run, this.#begun);
		if (this.#begun?.verdictFile && listens(run.arm)) await this.keeping.keepVerdictFile(this.#begun.verdictFile);
		if (this.#begun) await run.adjust(this.#begun);
	}

	/** Frees the workers of arms that the experiment doesn't have. */
	#discardOthers(): void {
		for (const run of Object.values(this.#all)) if (!this.runs.includes(run)) run.discard();
	}

	#go(link: PageLink): void {
		this.place.go(writePageLink(link));
	}
}

/** Loads what a run needs; one that could not be loaded before gets another chance. */
const prepare = (run: Run, settings: RunSettings): Promise<unknown> => (run.status === 'failed' ? run.reset(settings) : run.open(settings));
