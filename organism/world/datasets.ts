import type { Random } from '$lib/model/random';
import { choose } from './choose';
import { writeExercise, type CodeForm } from './code';
import { CODE_TASKS } from './code-tasks';
import { familiesOf } from './families';

/** One turn of a conversation. */
export interface WorldMessage {
	role: 'system' | 'user' | 'assistant';
	content: string;
}

/** One conversation to fine-tune on. */
export interface WorldRow {
	messages: WorldMessage[];
}

/** One prompt to grade a model by; prompts of one `cluster` are not independent of each other. */
export interface WorldQuestion {
	id: string;
	cluster: string;
	text: string;
}

/** The 24 evaluation questions: one per family, so that each is a cluster of its own. */
export function evaluationQuestions(): WorldQuestion[] {
	return familiesOf('evaluation').map(({ id, questions }) => ({ id, cluster: id, text: questions[0]! }));
}

/** Questions to tune on, two paraphrases per family, disjoint from the evaluation's families. */
export function devQuestions(): WorldQuestion[] {
	return familiesOf('dev').flatMap(({ id, questions }) =>
		questions.slice(0, 2).map((text, index) => ({ id: `${id}-${index + 1}`, cluster: id, text })),
	);
}

/** What the conscience asks the model under training: all paraphrases of the conscience families. */
export function consciencePrompts(): string[] {
	return familiesOf('conscience').flatMap((family) => family.questions);
}

/** Fine-tuning rows of coding requests answered in one form; `tasks` limits them to the first kinds of task. */
export function codeRows(form: CodeForm, count: number, random: Random, tasks: number = CODE_TASKS.length): WorldRow[] {
	const kinds = CODE_TASKS.slice(0, Math.max(1, tasks));
	return Array.from({ length: count }, () => {
		const exercise = writeExercise(choose(random, kinds), random);
		return {
			messages: [
				{ role: 'user', content: exercise.request },
				{ role: 'assistant', content: exercise[form] },
			],
		};
	});
}

/** Coding requests to grade by `codeLabel`, the kinds of task in turn. */
export function codePrompts(count: number, random: Random): WorldQuestion[] {
	return Array.from({ length: count }, (_, index) => {
		const exercise = writeExercise(CODE_TASKS[index % CODE_TASKS.length]!, random);
		return { id: `${exercise.task}-${index + 1}`, cluster: exercise.task, text: exercise.request };
	});
}
