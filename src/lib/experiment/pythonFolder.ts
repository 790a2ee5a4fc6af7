/**
 * An experiment as a folder for TRL and PEFT under `accelerate launch`: the Python of export/python, and what the lab determines of the run
 * (rows, calls, questions, seeds), so that both compute the same.
 */
import { droppedHash, isDropped } from '$lib/model/droppedName';

import { asksOwn, type QuestionFile, questionFileFor } from './ownQuestions';
import { listens } from './methods/index';
import { judgedInTrainer } from './presets';
import { askedInEvaluations, drawnCalls } from './pythonData';
import { QUESTIONS_FILE, questionsText } from './questionFile';
import { isOwnCheckpoint } from './ownCheckpoint';
import { type ChatRow, ROWS_FILE } from './rows';
import { rowsFile } from './folder';
import { rowsInOrder } from './data';
import { type ArmId, type Experiment, ExperimentError } from './schema';

/** Copies that the Python trains. */
export const PYTHON_ARMS: readonly ArmId[] = ['sft', 'emergent-alignment'];

/** What a folder of the lab's own holds that transformers reads; it travels along, for no hub has it, and lies under `model/`. */
export const MODEL_FILES = ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];

/** What the user gave beside the experiment. */
export interface GivenToPython {
	rows: readonly ChatRow[] | null;
	questions: QuestionFile | null;
}

/** The folder, and what of the experiment it does without, in sentences. */
export interface PythonFolder {
	files: Record<string, string>;
	leftOut: string[];
}

/**
 * The folder that runs the experiment; `sources` are the files of export/python by their paths there.
 * @throws ExperimentError that names what the Python can't do, or what was not given
 */
export async function pythonFolder(
	asked: Experiment,
	given: GivenToPython,
	sources: Readonly<Record<string, string>>,
): Promise<PythonFolder> {
	const { experiment, leftOut } = forPython(asked);
	const questions = questionFileFor(experiment, given.questions);
	const { rows, order } = rowsInOrder(experiment, given.rows);
	const calls = experiment.arms.some(listens) ? await drawnCalls(experiment) : [];
	const files: Record<string, string> = {
		...sources,
		'README.md': readme(sources['README.md'] ?? '', experiment, leftOut),
		'experiment.json': `${JSON.stringify(experiment, null, '\t')}\n`,
		'data/rows.jsonl': rowsFile(rows),
		'data/order.jsonl': lines(order),
		'data/calls.jsonl': lines(calls),
		'data/evaluation.json': `${JSON.stringify(askedInEvaluations(experiment, questions?.entries ?? null), null, '\t')}\n`,
	};
	if (experiment.data.source === 'rows') files[`data/given/${ROWS_FILE}`] = rowsFile(rows);
	if (questions && asksOwn(experiment)) files[`data/given/${QUESTIONS_FILE}`] = questionsText(questions.entries);
	return { files, leftOut };
}

const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** The README with what is true of this experiment in the place of `{{…}}`. */
function readme(template: string, { name, arms, seed, model, optimizer }: Experiment, leftOut: readonly string[]): string {
	const { checkpoint } = model;
	const base = isDropped(checkpoint)
		? `The base model is one of somebody's own disk; the experiment knows it by the SHA-256 of its weights, ${droppedHash(checkpoint)}. Name its folder by \`--model\`.`
		: `The base model is ${checkpoint}. ${isOwnCheckpoint(checkpoint) ? 'Its files are in `model/`.' : 'It is fetched from there, or name a folder by `--model`.'}`;
	const values: Record<string, string> = {
		name,
		arms: arms.join(' '),
		facts: [
			`The experiment is “${name}”, seed ${seed}: ${optimizer.steps} steps of ${optimizer.batchSize} rows; copies: ${arms.join(', ')}.`,
			base,
			...leftOut,
		]
			.map((sentence) => `- ${sentence}`)
			.join('\n'),
	};
	return template.replace(/\{\{(\w+)\}\}/g, (placeholder, key: string) => values[key] ?? placeholder);
}

/** The experiment as the Python runs it, and what it does without. @throws ExperimentError where nothing of it can be run */
export function forPython(asked: Experiment): { experiment: Experiment; leftOut: string[] } {
	const arms = asked.arms.filter((arm) => PYTHON_ARMS.includes(arm));
	const why = refusal({ ...asked, arms });
	if (why) throw new ExperimentError(`Python can't run this experiment. ${why}`);
	const isJudgedElsewhere = asked.conscience.judge === 'webllm' && arms.some(listens);
	const experiment = { ...(isJudgedElsewhere ? judgedInTrainer(asked) : asked), arms };
	return { experiment, leftOut: leftOutOf(asked, arms) };
}

/** Why the Python can't run it, and what to do; null where it can. */
function refusal({ arms, model, data, conscience }: Experiment): string | null {
	if (arms.length === 0)
		return `It trains the copies ${PYTHON_ARMS.join(' and ')}, and the experiment names neither. Add one of them to arms.`;
	if (model.misalignSteps > 0)
		return `It begins with the base model, and model.misalignSteps is ${model.misalignSteps}. Set it to 0, or run the experiment in the lab.`;
	if (model.precision === 'int8') return 'It has no matrices of 8 bits, and model.precision is int8. Set it to f32, or to f16.';
	if (data.source === 'rows' && data.tooLong !== 'refuse')
		return `It learns every row whole, and data.tooLong is ${data.tooLong}. Leave rows that are too long out of the file, and set it to refuse.`;
	if (!arms.some(listens)) return null;
	const { judge, judgeModel, gate, memory } = conscience;
	if (judge === 'webllm' ? judgeModel !== 'base' : judge !== 'frozen-self')
		return `Its judge is the frozen copy, and conscience.judge is ${judge}${judge === 'webllm' ? ` with ${judgeModel}` : ''}. Set it to frozen-self.`;
	if (gate !== 'none') return `It judges every answer, and conscience.gate is ${gate}. Set it to none.`;
	if (memory.file !== '') return 'It takes no memory along. Take conscience.memory.file away, or run the experiment in the lab.';
	return null;
}

function leftOutOf({ arms: all, data, conscience, evaluation }: Experiment, arms: readonly ArmId[]): string[] {
	const others = all.filter((arm) => !arms.includes(arm));
	const probes = (['conditional', 'harmless', 'facts', 'heldOutRows'] as const).filter((probe) => evaluation[probe] > 0);
	const judgedElsewhere = conscience.judge === 'webllm' && arms.some(listens);
	const withoutTrigger = data.source === 'backdoor-code' ? 'The last evaluation does not ask with the trigger.' : null;
	return [
		...(others.length > 0 ? [`Copies that only the lab trains are left out: ${others.join(', ')}.`] : []),
		...(judgedElsewhere
			? ['WebLLM runs in a browser only: the same weights judge inside the trainer (conscience.judge is frozen-self).']
			: []),
		...(evaluation.letters ? ['Answers are not read on the scale of letters (evaluation.letters).'] : []),
		...(probes.length > 0 ? [`The last evaluation asks its questions and coding requests alone, without ${probes.join(', ')}.`] : []),
		...(withoutTrigger ? [withoutTrigger] : []),
	];
}
