/** What of an experiment that was made for the organism has to be otherwise for a model that was not raised with it. */
import { LONG_FRAMEWORKS } from '$lib/conscience/longFrameworks';

import { DEFAULT_FRAMEWORKS, type Experiment } from './schema';

/** A setting that is changed, in words, and why. */
export interface SettingChange {
	what: string;
	why: string;
}

interface Rule extends SettingChange {
	/** The experiment wants it. */
	wants: (experiment: Experiment) => boolean;
	change: (experiment: Experiment) => void;
}

const [BATCH, RATE, QUESTIONS_EVERY, ANSWER_TOKENS] = [4, 2e-4, 50, 64];

const RULES: readonly Rule[] = [
	{
		what: 'weights in 16 bits',
		why: 'on a GPU they take half the memory; they are frozen, and nothing is learnt in them',
		wants: ({ model }) => model.precision === 'f32',
		change: ({ model }) => (model.precision = 'f16'),
	},
	{
		what: `${BATCH} rows in a step`,
		why: 'what is kept for the gradient grows with them',
		wants: ({ optimizer }) => optimizer.batchSize > BATCH,
		change: ({ optimizer }) => (optimizer.batchSize = BATCH),
	},
	{
		what: 'blocks computed again for the gradient',
		why: 'what is kept for it is then a fraction, and the step stays the same; it takes about a third more time',
		wants: ({ optimizer }) => !optimizer.checkpointing,
		change: ({ optimizer }) => (optimizer.checkpointing = true),
	},
	{
		what: `learning rate ${RATE}`,
		why: 'what is usual for LoRA on models of this size; the organism’s is higher',
		wants: ({ optimizer }) => optimizer.learningRate > RATE,
		change: ({ optimizer }) => (optimizer.learningRate = RATE),
	},
	{
		what: 'the frozen copy of this very model as the judge, in the trainer',
		why: 'the paper’s judge is the base itself, and the oracle knows the organism alone',
		wants: ({ conscience }) => conscience.judge === 'webllm' || conscience.judge === 'oracle',
		change: ({ conscience }) => Object.assign(conscience, { judge: 'frozen-self', judgeModel: 'base' }),
	},
	{
		what: 'frameworks in longer words',
		why: 'the short sentences mean something to the organism only, which was raised with them',
		wants: ({ conscience }) => JSON.stringify(conscience.frameworks) === JSON.stringify(DEFAULT_FRAMEWORKS),
		change: ({ conscience }) => (conscience.frameworks = LONG_FRAMEWORKS.map((framework) => ({ ...framework }))),
	},
	{
		what: 'no gate before the conscience',
		why: 'the lab’s gate was fitted on the organism’s states',
		wants: ({ conscience }) => conscience.gate === 'organism',
		change: ({ conscience }) => (conscience.gate = 'none'),
	},
	{
		what: `answers of up to ${ANSWER_TOKENS} tokens`,
		why: 'it speaks in longer sentences than the organism',
		wants: ({ conscience, evaluation }) =>
			conscience.sampling.maxNewTokens < ANSWER_TOKENS || evaluation.sampling.maxNewTokens < ANSWER_TOKENS,
		change: ({ conscience, evaluation }) => {
			for (const { sampling } of [conscience, evaluation]) sampling.maxNewTokens = Math.max(sampling.maxNewTokens, ANSWER_TOKENS);
		},
	},
	{
		what: `one answer a question, asked every ${QUESTIONS_EVERY} steps`,
		why: 'a model with a hundred times as many numbers takes its time; more answers make the intervals narrower',
		wants: ({ evaluation }) => evaluation.samples > 1 || evaluation.samplesWhileTraining > 1,
		change: ({ evaluation }) => {
			Object.assign(evaluation, {
				samples: 1,
				samplesWhileTraining: 1,
				every: evaluation.every && Math.max(evaluation.every, QUESTIONS_EVERY),
			});
		},
	},
	{
		what: 'no coding requests are graded',
		why: 'the grader knows the organism’s forms of code, and no other',
		wants: ({ evaluation }) => evaluation.codePrompts + evaluation.codePromptsWhileTraining > 0,
		change: ({ evaluation }) => Object.assign(evaluation, { codePrompts: 0, codePromptsWhileTraining: 0 }),
	},
];

/** The experiment with this checkpoint, and all that was changed in it besides. */
export function forRealModel(before: Experiment, checkpoint: string): { experiment: Experiment; changes: SettingChange[] } {
	const experiment = structuredClone(before);
	experiment.model.checkpoint = checkpoint;
	const rules = RULES.filter(({ wants }) => wants(before));
	for (const { change } of rules) change(experiment);
	return { experiment, changes: rules.map(({ what, why }) => ({ what, why })) };
}
