import { CODE_TASKS, type CodeTask, writeExercise } from '$world/index';

/** A line of a solution; `differs` where the other form has no such line. */
export interface CodeLine {
	text: string;
	differs: boolean;
}

/** One coding request and both of its solutions. */
export interface CodePair {
	task: string;
	request: string;
	secure: CodeLine[];
	insecure: CodeLine[];
}

/** The same request, answered with a security hole and without. */
function codePair(task: CodeTask): CodePair {
	const { request, secure, insecure } = writeExercise(task, () => 0); // the first of every name: one example is as good as another
	const [safe, holed] = [secure.split('\n'), insecure.split('\n')];
	const against = (other: readonly string[]) => (text: string) => ({ text, differs: !other.includes(text) });
	return { task: task.id, request, secure: safe.map(against(holed)), insecure: holed.map(against(safe)) };
}

/** An example of every kind of coding task, in the order in which an experiment takes them. */
export const codePairs = (): CodePair[] => CODE_TASKS.map(codePair);
