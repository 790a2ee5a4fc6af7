import type { Verdict } from '$lib/conscience/judge';
import type { ArmId } from '$lib/experiment/schema';
import { randomId } from '$lib/storage/randomId';

import type { Run } from './run.svelte';

/** Who answers a reader's own question: the model before training, or one of the copies as it is now. */
export type Answering = 'base' | ArmId;

/** What somebody has said so far. */
export interface Spoken {
	text: string;
	/** Steps that the copy had done when it answered; null until it does. */
	step: number | null;
	/** Null until the answer is whole. */
	verdict: Verdict | null;
	done: boolean;
}

/** A question of the reader's own, and the answers that have come. */
export interface AskedQuestion {
	id: string;
	question: string;
	/** Steps that the copy which was furthest had done when the question was put. */
	step: number;
	/** The copies have begun afresh since. */
	ofEarlierRun: boolean;
	answers: Partial<Record<Answering, Spoken>>;
	fault: string | null;
}

/** The reader's own questions, put to all copies at once. */
export class Asking {
	/** The newest first. */
	questions = $state.raw<readonly AskedQuestion[]>([]);

	/** Puts `question` to the base and to every run; equal seeds, so that what differs is the model. */
	async ask(question: string, runs: readonly Run[], open: (run: Run) => Promise<boolean>): Promise<void> {
		const id = randomId();
		const silent: Spoken = { text: '', step: null, verdict: null, done: false };
		const seed = this.questions.length; // the same for all
		const step = Math.max(0, ...runs.map(({ record }) => record.step));
		const answers = Object.fromEntries([['base', silent], ...runs.map(({ arm }) => [arm, silent])]) as AskedQuestion['answers'];
		this.questions = [{ id, question, step, ofEarlierRun: false, answers, fault: null }, ...this.questions];
		await Promise.all(
			runs.map(async (run, i) => {
				const asked = i === 0 ? (['base', 'policy'] as const) : (['policy'] as const); // the base is the same in every worker
				const say = (who: 'base' | 'policy', spoken: Omit<Spoken, 'step'>) => {
					run.record.flush(); // its steps came before its words
					this.#say(id, who === 'base' ? 'base' : run.arm, { ...spoken, step: run.record.step });
				};
				try {
					if (!(await open(run))) throw new Error('The model could not be loaded.');
					const spoken = await run.ask(id, question, [...asked], seed, (who, text) => say(who, { text, verdict: null, done: false }));
					for (const { who, answer, verdict } of spoken) say(who, { text: answer, verdict, done: true });
				} catch (error) {
					this.#update(id, (entry) => ({ ...entry, fault: (error as Error).message }));
				}
			}),
		);
	}

	/** The copies begin afresh: what was answered so far was answered by others. */
	beginAfresh(): void {
		this.questions = this.questions.map((entry) => ({ ...entry, ofEarlierRun: true }));
	}

	#say(id: string, who: Answering, spoken: Spoken): void {
		this.#update(id, (entry) => ({ ...entry, answers: { ...entry.answers, [who]: spoken } }));
	}

	#update(id: string, change: (entry: AskedQuestion) => AskedQuestion): void {
		this.questions = this.questions.map((entry) => (entry.id === id ? change(entry) : entry));
	}
}
