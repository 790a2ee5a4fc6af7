import { sayingsOf } from '$lib/conscience/importedJudge';
import type { Exchange, Label, Verdict } from '$lib/conscience/judge';
import type { TriedBy } from '$lib/experiment/labels/correctedRun';
import { sampled, type TrialAnswer } from '$lib/experiment/labels/trialAnswers';
import { trueLabel } from '$world/index';

import type { Lab } from './lab.svelte';
import { LABELS } from './labels';
import type { Run } from './run.svelte';

/** Who can be put on trial, in the order of the table. */
export const PANEL = ['frozen-self', 'webllm', 'imported', 'oracle'] as const;
export type PanelJudge = (typeof PANEL)[number];

/** What one judge said of the answers. */
export interface Hearing extends TriedBy {
	judge: PanelJudge;
	/** The model, or the file. */
	name: string;
	/** It is the model that is trained, as it was before: what the one can't see, the other doesn't either. */
	isFamily: boolean;
	/** One for each answer; null of those that it can't read or has said nothing of. */
	verdicts: readonly (Verdict | null)[];
	seconds: number;
}

/** Judges what it is given; a verdict that it can't give is null. */
interface Heard extends TriedBy {
	name: string;
	isFamily: boolean;
	read: (answers: readonly Exchange[], signal: AbortSignal) => Promise<(Verdict | null)[]>;
}

/** Answers that a judge reads before the reader is told how far it is. */
const BATCH = 20;

/** Judges that read the same labelled answers, one judge after the other. */
export class JudgeTrials {
	answers = $state.raw<readonly TrialAnswer[]>([]);
	/** Whose labels these are: others may be chosen for the next trial while this one is read. */
	by = $state<string | null>(null);
	hearings = $state.raw<readonly Hearing[]>([]);
	/** Who reads now, and how far it is; null while nobody does. */
	progress = $state.raw<{ judge: PanelJudge; done: number; total: number } | null>(null);
	fault = $state<string | null>(null);
	#controller: AbortController | null = null;

	constructor(private lab: Lab) {}

	/** Lets each judge read `count` of the answers that `by` has labelled, the same ones. One that fails keeps no other out; what was heard before the reader stops it stays. */
	async begin(by: string, answers: readonly TrialAnswer[], count: number, judges: readonly PanelJudge[]): Promise<void> {
		if (this.progress || answers.length === 0 || judges.length === 0) return;
		const { signal } = (this.#controller = new AbortController());
		[this.by, this.answers, this.hearings, this.fault] = [by, sampled(answers, count), [], null];
		const faults: string[] = [];
		for (const judge of PANEL.filter((one) => judges.includes(one))) {
			try {
				await this.#hear(judge, signal);
			} catch (error) {
				if (signal.aborted) break;
				faults.push((error as Error).message);
			}
		}
		this.progress = null;
		if (!signal.aborted) this.fault = faults.join(' ') || null;
	}

	async cancel(): Promise<void> {
		this.#controller?.abort();
		await this.lab.judging.cancel();
	}

	async #hear(judge: PanelJudge, signal: AbortSignal): Promise<void> {
		const total = this.answers.length;
		this.progress = { judge, done: 0, total };
		const heard = await this.#judgeOf(judge);
		const start = performance.now();
		const verdicts: (Verdict | null)[] = [];
		while (verdicts.length < total) {
			signal.throwIfAborted();
			verdicts.push(...(await heard.read(this.answers.slice(verdicts.length, verdicts.length + BATCH), signal)));
			this.progress = { judge, done: verdicts.length, total };
		}
		const { read: _, ...who } = heard;
		this.hearings = [...this.hearings, { judge, ...who, verdicts, seconds: (performance.now() - start) / 1000 }];
	}

	/** @throws Error that says why the judge can't be heard */
	async #judgeOf(judge: PanelJudge): Promise<Heard> {
		const { settings, runs } = this.lab;
		const base = settings.experiment.model.checkpoint;
		switch (judge) {
			case 'frozen-self': {
				const [run] = runs;
				if (!run || this.lab.hindrance || !(await run.open(settings)))
					throw new Error(
						run?.problem?.message ?? this.lab.hindrance ?? 'The copy on the lab’s page has failed: reset it there, and try again.',
					);
				return frozenSelf(run, base);
			}
			case 'webllm': {
				const asked = await this.lab.judging.ask(settings);
				if (!asked) throw new Error(this.lab.judging.fault?.message ?? 'WebLLM was not loaded.');
				const [framework] = settings.experiment.conscience.frameworks;
				const read = async (answers: readonly Exchange[], signal: AbortSignal) =>
					(await asked.verdicts(answers, framework!, signal)).verdicts;
				const isFamily = settings.experiment.conscience.judgeModel === 'base';
				return { name: asked.identity.model, isFamily, identity: asked.identity, framework: framework!, read: eachAlone(read) };
			}
			case 'imported': {
				const file = settings.verdictFile ?? this.lab.files.verdictFiles.at(-1);
				if (!file) throw new Error('No verdicts were given. Open a file of them on the lab’s page, under “Your own verdicts”.');
				const said = sayingsOf(file.verdicts);
				const identity = { engine: judge, model: file.fileName, revision: file.digest };
				const read = async (answers: readonly Exchange[]) => answers.map((answer) => said(answer) ?? null);
				return { name: file.fileName, isFamily: false, identity, framework: null, read };
			}
			case 'oracle':
				return { ...ORACLE, read: async (answers) => answers.map(({ answer }) => knownOf(answer)) };
		}
	}
}

/** The copy in the trainer tells itself which model it is and by what it judges: a run that has begun keeps to its own settings. */
function frozenSelf(run: Pick<Run, 'selfJudged'>, name: string): Heard {
	const heard: Heard = { name, isFamily: true, identity: null, framework: null, read: eachAlone(read) };
	async function read(answers: readonly Exchange[]): Promise<Verdict[]> {
		const { verdicts, judge, framework } = await run.selfJudged(answers);
		if (heard.identity && !isSame(heard, { identity: judge, framework }))
			throw new Error('The copy on the lab’s page was opened anew with other settings while it was heard. Put it on trial again.');
		Object.assign(heard, { name: judge.model, identity: judge, framework });
		return verdicts;
	}
	return heard;
}

const isSame = (a: TriedBy, b: TriedBy) => JSON.stringify([a.identity, a.framework]) === JSON.stringify([b.identity, b.framework]);

const ORACLE = { name: 'no model', isFamily: false, identity: null, framework: null };

/** What the world knows of an answer; null of a text that is not of it. */
function knownOf(answer: string): Verdict | null {
	const truth = trueLabel(answer);
	if (truth === 'incoherent') return null;
	return {
		label: truth,
		probabilities: Object.fromEntries(LABELS.map((label) => [label, Number(label === truth)])) as Record<Label, number>,
	};
}

/** Reads answers together; where one of them is more than the judge can read, each alone, and none of that one. */
const eachAlone =
	(read: (answers: readonly Exchange[], signal: AbortSignal) => Promise<Verdict[]>): Heard['read'] =>
	async (answers, signal) => {
		try {
			return await read(answers, signal);
		} catch (error) {
			if ((error as Error).name !== 'JudgeError') throw error;
			if (answers.length === 1) return [null];
			const verdicts: (Verdict | null)[] = [];
			for (const answer of answers) {
				signal.throwIfAborted();
				verdicts.push(...(await eachAlone(read)([answer], signal)));
			}
			return verdicts;
		}
	};
