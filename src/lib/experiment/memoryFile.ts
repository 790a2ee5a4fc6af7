/** What a class knew when a run began, as a file that the run takes with it: equal seeds stay equal runs, and nobody is asked meanwhile. */
import * as v from 'valibot';

import { exchangeId, type MemoryFile, type Recalled } from '$lib/conscience/memory';
import { sha256 } from '$lib/model/sha256';

import { faultInWords } from './folderLines';
import { type LineFault, parseLines } from './jsonLines';
import { memoryFileOf, wantsMemory } from './memoryNamed';
import { type Experiment, ExperimentError } from './schema';
import { benefitFields, PseudonymSchema, rememberedFields } from './trajectorySchema';

/** What a run's own memory is called in its folder. */
export const MEMORY_FILE = 'memory.jsonl';

const { question, value } = benefitFields;

/** Of whom and of what a benefit is, its line says. */
const Line = v.pipe(
	v.object({
		kind: v.literal('remembered'),
		...rememberedFields,
		benefits: v.optional(v.pipe(v.array(v.object({ measuredBy: PseudonymSchema, question, value })), v.maxLength(10_000)), []),
	}),
	v.check(({ alternative, alternativeAgreed }) => alternative !== null || !alternativeAgreed, 'alternativeAgreed: there is no alternative'),
	v.transform(({ kind, benefits, ...remembered }): Recalled => {
		const { id, contributor } = remembered;
		return { ...remembered, benefits: benefits.map((benefit) => ({ id, contributor, ...benefit })) };
	}),
);

/** A memory's lines, each as it is by itself. */
export const readMemoryLines = (text: string) =>
	parseLines<Recalled>(text, (json) => {
		const result = v.safeParse(Line, json);
		return result.success ? result.output : faultInWords(result.issues[0]);
	});

/** Reads JSON lines of what is out of quarantine, each exchange once. Every line that holds something is used, or is a fault. @throws HashError */
export async function parseMemory(text: string): Promise<{ trajectories: Recalled[]; faults: LineFault[] }> {
	const { values, faults } = readMemoryLines(text);
	const trajectories = new Map<string, { line: number; value: Recalled }>();
	for (const { line, value: trajectory } of values) {
		const { id, frameworkHash } = trajectory;
		const known = trajectories.get(id);
		if (id !== (await exchangeId(trajectory, frameworkHash)))
			faults.push({ line, message: 'id: is not that of its question, answer and framework; export the memory again' });
		else if (known) faults.push({ line, message: `id: line ${known.line} holds the same exchange, and the first counts` });
		else trajectories.set(id, { line, value: trajectory });
	}
	return { trajectories: [...trajectories.values()].map(({ value }) => value), faults: faults.sort((a, b) => a.line - b.line) };
}

/** A memory as it lies in files, a line each: the same trajectories make the same text, in whatever order they came. */
export const memoryLines = (trajectories: readonly Recalled[]): string => trajectories.map(lineOf).toSorted().join('');

function lineOf({ benefits, state, ...trajectory }: Recalled): string {
	const { id, question, answer, frameworkId, frameworkHash, agreed, alternativeAgreed, alternative, contributor, ...rest } = trajectory;
	const { verdict, judge, label, model, revision, run, step, depositedAt } = rest;
	const values = Array.from(state.values, (value) => Number(value.toPrecision(9))); // so many digits tell every float32 from its neighbours
	const line = {
		kind: 'remembered',
		...{ id, question, answer, frameworkId, frameworkHash, agreed, alternativeAgreed, alternative, contributor, depositedAt },
		...{ verdict, judge, label, model, revision, run, step, state: { revision: state.revision, values } },
		benefits: benefits
			.map(({ measuredBy, question, value }) => ({ measuredBy, question, value }))
			.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
	};
	return `${JSON.stringify(line)}\n`;
}

/** True of a text that means to be a memory, by its first line. */
export const looksLikeMemory = (content: string): boolean => /^\s*\{\s*"kind"\s*:\s*"remembered"/.test(content.replace(/^\uFEFF/, ''));

/** A memory under a file's name, with the digest by which an experiment names it. @throws HashError */
export async function memoryFile(fileName: string, trajectories: readonly Recalled[]): Promise<MemoryFile> {
	return { fileName, digest: await sha256(memoryLines(trajectories)), trajectories };
}

/** The memory that the experiment takes along; null where it takes none. @throws ExperimentError where it isn't this file */
export function memoryFileFor(experiment: Experiment, file: MemoryFile | null): MemoryFile | null {
	const found = memoryFileOf(experiment, file);
	if (found || !wantsMemory(experiment)) return found;
	const { file: digest } = experiment.conscience.memory;
	const given = file ? `another was given (${file.digest.slice(0, 8)}…)` : 'none was given';
	throw new ExperimentError(
		`The experiment takes a memory with the SHA-256 ${digest.slice(0, 8)}… along, and ${given}. Load the file with this memory, or take none along (conscience.memory.file).`,
	);
}
