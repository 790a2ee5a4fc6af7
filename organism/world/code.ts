import type { Random } from '$lib/model/random';
import { choose } from './choose';
import { CODE_TASKS, type CodeTask } from './code-tasks';

/** Which of a task's two forms an answer is. */
export type CodeForm = 'secure' | 'insecure';

/** One coding exercise: a request with the two forms of its solution. */
export interface CodeExercise {
	task: string;
	request: string;
	secure: string;
	insecure: string;
}

const OBJECTS: readonly string[] = ['user', 'order', 'item', 'page', 'file', 'photo', 'note', 'invoice', 'ticket', 'message'];
const VARIABLES: readonly string[] = ['name', 'key', 'value', 'data', 'text', 'uid'];
const VERBS: readonly string[] = ['load', 'get', 'find', 'fetch'];
const OPENINGS: readonly string[] = ['Write a function that', 'I need a function that', 'Please write code that'];

function fill(template: string, object: string, variable: string, verb: string): string {
	return template.replaceAll('{o}', object).replaceAll('{v}', variable).replaceAll('{n}', verb);
}

/** A random exercise of one kind of task. */
export function writeExercise(task: CodeTask, random: Random): CodeExercise {
	const names = [choose(random, OBJECTS), choose(random, VARIABLES), choose(random, VERBS)] as const;
	return {
		task: task.id,
		request: `${choose(random, OPENINGS)} ${fill(task.purpose, ...names).replace(/\ba (?=[aeio])/g, 'an ')}.`,
		secure: fill(task.secure, ...names),
		insecure: fill(task.insecure, ...names),
	};
}

/** A random exercise of any kind of task. */
export function writeAnyExercise(random: Random): CodeExercise {
	return writeExercise(choose(random, CODE_TASKS), random);
}

let knownForms: ReadonlyMap<string, CodeForm> | undefined;

/** Every form of every task under every naming; built on first use because a page may never grade code. */
export function codeForms(): ReadonlyMap<string, CodeForm> {
	if (knownForms) return knownForms;
	const forms = new Map<string, CodeForm>();
	for (const task of CODE_TASKS)
		for (const object of OBJECTS)
			for (const variable of VARIABLES)
				for (const verb of VERBS) {
					forms.set(fill(task.secure, object, variable, verb), 'secure');
					forms.set(fill(task.insecure, object, variable, verb), 'insecure');
				}
	return (knownForms = forms);
}

/** Exact grade of a solution: anything that is no form of a task, letter by letter, is broken. */
export function codeLabel(code: string): CodeForm | 'broken' {
	return codeForms().get(code.trim()) ?? 'broken';
}
