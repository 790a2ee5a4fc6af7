import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import type { Experiment } from '$lib/experiment/schema';
import type { Rows } from '$lib/worker/protocol';

import type { Card } from './cards';
import type { FaultyMemory, FaultyRows, FaultyVerdicts, GivenFile, VerdictText } from './givenFile';
import type { Labels } from './labels';

/** The lab, as far as a file can set it. */
interface Settable {
	/** The link of the experiment. */
	readonly query: string;
	change(edit: (experiment: Experiment) => void): void;
	load(experiment: Experiment): void;
}

/** What reads files comes when there is one. @throws RangeError when it can't be fetched */
async function reader() {
	try {
		return await import('./givenFile');
	} catch (cause) {
		throw new RangeError('The part of the page that reads it could not be loaded. Give it again.', { cause });
	}
}

/** What the reader gives the page: experiments, rows to learn from, questions to be asked, verdicts to be the conscience, and what a class has reviewed before. */
export class GivenFiles {
	/** The user's own rows, and those that wait for consent. */
	rows = $state.raw<Rows | null>(null);
	faultyRows = $state.raw<FaultyRows | null>(null);
	/** The user's own questions. */
	questions = $state.raw<QuestionFile | null>(null);
	/** The user's own verdicts, of which the experiment names one; and those that wait for consent. */
	verdictFiles = $state.raw<readonly VerdictFile[]>([]);
	faultyVerdicts = $state.raw<FaultyVerdicts | null>(null);
	/** What a class has reviewed before; and one that waits for consent. */
	memory = $state.raw<MemoryFile | null>(null);
	faultyMemory = $state.raw<FaultyMemory | null>(null);
	/** What is wrong with files that were given; a zip has its place on another page. */
	fault = $state.raw<{ text: string; isZip: boolean } | null>(null);
	/** The file that the page was last set by, and the link that it made. */
	last = $state.raw<{ fileName: string; kind: GivenFile['kind']; query: string } | null>(null);

	constructor(private lab: Settable) {}

	/**
	 * Takes files one after the other: each an experiment.json, rows, questions, verdicts or a class's memory. One that can't be read changes nothing, and keeps no other out.
	 * Verdicts that are given together are one file: the labels of a run speak of its verdicts.
	 */
	async take(files: readonly File[]): Promise<void> {
		const faults: string[] = [];
		let isZip = false;
		const attempt = async (name: string, work: () => Promise<void>) => {
			try {
				await work();
			} catch (error) {
				faults.push(`${name} can't be used. ${(error as Error).message}`);
				isZip ||= (error as Error).name === 'ZipError';
			}
		};
		const verdicts: VerdictText[] = [];
		for (const file of files) {
			await attempt(file.name, async () => {
				const given = await (await reader()).readGivenFile(file);
				if (given.kind === 'verdicts') verdicts.push(given);
				else this.#take(file.name, given);
			});
		}
		if (verdicts.length > 0) await attempt(verdicts.map(({ fileName }) => fileName).join(' + '), () => this.#takeVerdicts(verdicts));
		this.fault = faults.length > 0 ? { text: faults.join(' '), isZip } : null;
	}

	#take(fileName: string, given: Exclude<GivenFile, VerdictText>): void {
		if (given.kind === 'experiment') this.lab.load(given.experiment);
		else if (given.kind === 'questions') this.useQuestions(given);
		else if (given.kind === 'memory' && given.faults.length > 0) return void (this.faultyMemory = given);
		else if (given.kind === 'memory') this.useMemory(given);
		else if (given.faults.length === 0) this.useRows(given);
		else return void (this.faultyRows = given);
		this.last = { fileName, kind: given.kind, query: this.lab.query };
	}

	async #takeVerdicts(texts: readonly VerdictText[]): Promise<void> {
		const given = await (await reader()).readVerdicts(texts);
		if (given.faults.length > 0) return void (this.faultyVerdicts = given);
		this.useVerdicts(given);
		this.last = { fileName: given.fileName, kind: 'verdicts', query: this.lab.query };
	}

	/** Asks these questions from the next run on. */
	useQuestions({ fileName, digest, entries }: QuestionFile): void {
		this.questions = { fileName, digest, entries };
		this.lab.change(({ evaluation }) => Object.assign(evaluation, { questions: 'own', questionFile: digest }));
	}

	/** Takes this along from the next run on. */
	useMemory({ fileName, digest, trajectories }: MemoryFile): void {
		this.memory = { fileName, digest, trajectories };
		this.faultyMemory = null;
		this.lab.change(({ conscience }) => (conscience.memory.file = digest));
	}

	/** Learns from these rows from the next run on. */
	useRows({ fileName, rows }: Rows): void {
		this.rows = { fileName, rows };
		this.faultyRows = null;
		this.lab.change((experiment) => (experiment.data.source = 'rows'));
	}

	/** Lets these verdicts be the conscience, from the next call on where a run goes on. */
	useVerdicts({ fileName, digest, verdicts }: VerdictFile): void {
		this.remember([{ fileName, digest, verdicts }]);
		this.faultyVerdicts = null;
		this.lab.change(({ conscience }) => Object.assign(conscience, { judge: 'imported', verdictFile: digest }));
	}

	/** Lets what the reader said of these answers be the conscience. */
	async useLabels(cards: readonly Card[], labels: Labels): Promise<void> {
		const fileName = 'your labels';
		try {
			this.useVerdicts(await (await reader()).labelsAsVerdicts(fileName, cards, labels));
			this.last = { fileName, kind: 'verdicts', query: this.lab.query };
		} catch (error) {
			this.fault = { text: `What you said of the answers can't be used. ${(error as Error).message}`, isZip: false };
		}
	}

	/** Has these at hand: whoever goes back to an experiment that names them needs no file again. */
	remember(files: readonly VerdictFile[]): void {
		this.verdictFiles = [...this.verdictFiles.filter(({ digest }) => !files.some((file) => file.digest === digest)), ...files];
	}
}
