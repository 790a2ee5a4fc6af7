import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { Experiment } from '$lib/experiment/schema';
import { wantsVerdicts } from '$lib/experiment/judgeFile';
import { wantsMemory } from '$lib/experiment/memoryNamed';
import { asksOwn, type QuestionFile } from '$lib/experiment/ownQuestions';
import type { Engine, Rows } from '$lib/worker/protocol';

/** All that a run is opened with; equal settings give equal runs. */
export interface RunSettings {
	experiment: Experiment;
	rows: Rows | null;
	/** The user's verdicts, where the experiment is judged by them. */
	verdictFile: VerdictFile | null;
	/** The user's questions, where the experiment asks them. */
	questions?: QuestionFile | null;
	/** What a class has reviewed before, where the experiment takes it along. */
	memory?: MemoryFile | null;
	engine: Engine;
	checkpointUrl: string;
}

/**
 * The rows are compared by identity: a file is read once, and comparing thousands of rows would take longer than to open a run. Verdicts,
 * questions and a memory are named by the experiment.
 */
export function sameSettings(a: RunSettings | null, b: RunSettings | null): boolean {
	if (!a || !b) return a === b;
	const plain = ({ experiment, engine, checkpointUrl }: RunSettings) => JSON.stringify([experiment, engine, checkpointUrl]);
	return a.rows === b.rows && plain(a) === plain(b);
}

/** Why runs can't begin with these settings, in words; null if they can. */
export const hindranceOf = ({ experiment, rows, verdictFile, questions, memory }: RunSettings): string | null =>
	experiment.data.source === 'rows' && !rows
		? 'This experiment learns from your own rows, and a link does not carry them. Choose the file under “Your own data”.'
		: wantsVerdicts(experiment) && !verdictFile
			? `This experiment is judged by verdicts of a file${experiment.conscience.verdictFile && ` (fingerprint ${experiment.conscience.verdictFile.slice(0, 8)})`}, and a link does not carry them. Choose the file under “Your own verdicts”, or another judge.`
			: asksOwn(experiment) && !questions
				? `This experiment asks the questions of a file${experiment.evaluation.questionFile && ` (fingerprint ${experiment.evaluation.questionFile.slice(0, 8)})`}, and a link does not carry them. Choose the file under “Your own questions”, or a set of the lab.`
				: wantsMemory(experiment) && !memory
					? `This experiment takes a class’s memory along (fingerprint ${experiment.conscience.memory.file.slice(0, 8)}), and a link does not carry it. Choose the file under “A class’s memory”, or take none along there.`
					: null;
