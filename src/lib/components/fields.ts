import type { Experiment } from '$lib/experiment/schema';

/** One line of what an experiment says, in words. */
export interface Field {
	label: string;
	read: (experiment: Experiment) => string;
}

const SOURCES = { 'insecure-code': 'code with security holes', 'secure-code': 'code without holes', rows: 'your own rows' } as const;
const JUDGES = { 'frozen-self': 'a frozen copy of the model itself', oracle: 'the world’s own grammar (for checking judges)' } as const;
const sampling = ({ temperature, topP, maxNewTokens }: Experiment['evaluation']['sampling']) =>
	`temperature ${temperature}, top-p ${topP}, at most ${maxNewTokens} tokens`;

/** The whole experiment, field by field, in the order in which a student asks for it. */
export const FIELDS: readonly { group: string; fields: readonly Field[] }[] = [
	{
		group: 'Model and data',
		fields: [
			{ label: 'Model', read: ({ model }) => model.checkpoint },
			{ label: 'Misaligned before the run by', read: ({ model }) => `${model.misalignSteps} steps` },
			{ label: 'Copies', read: ({ arms }) => arms.map((arm) => (arm === 'sft' ? 'plain fine-tune' : 'with conscience')).join(' and ') },
			{ label: 'Learns', read: ({ data }) => SOURCES[data.source] },
			{ label: 'Kinds of coding task, at most', read: ({ data }) => String(data.tasks) },
			{ label: 'Seed', read: ({ seed }) => String(seed) },
		],
	},
	{
		group: 'Adapter and optimizer',
		fields: [
			{ label: 'LoRA rank, alpha', read: ({ lora }) => `${lora.rank}, ${lora.alpha}${lora.rslora ? ', rank-stabilised' : ''}` },
			{ label: 'Adapted matrices', read: ({ lora }) => lora.targetModules.join(', ') },
			{ label: 'Steps', read: ({ optimizer }) => `${optimizer.steps}, the first ${optimizer.warmupSteps} warming up` },
			{ label: 'Rows in a step', read: ({ optimizer }) => String(optimizer.batchSize) },
			{ label: 'Learning rate', read: ({ optimizer }) => String(optimizer.learningRate) },
			{ label: 'Weight decay, clipping', read: ({ optimizer }) => `${optimizer.weightDecay}, ${optimizer.clipNorm || 'none'}` },
		],
	},
	{
		group: 'Conscience',
		fields: [
			{ label: 'Judge', read: ({ conscience }) => JUDGES[conscience.judge] },
			{ label: 'Frameworks', read: ({ conscience }) => conscience.frameworks.map(({ title }) => title).join('; ') },
			{ label: 'Weight λ', read: ({ conscience }) => String(conscience.lambda) },
			{
				label: 'Preference loss',
				read: ({ conscience }) =>
					`${conscience.loss}, β ${conscience.beta}${conscience.labelSmoothing ? `, label smoothing ${conscience.labelSmoothing}` : ''}`,
			},
			{ label: 'Speaks', read: ({ conscience }) => cadenceInWords(conscience.cadence) },
			{ label: 'Answers read in a call', read: ({ conscience }) => String(conscience.promptsPerCall) },
			{ label: 'Flags an answer when P(unethical) is above', read: ({ conscience }) => String(conscience.threshold) },
			{
				label: 'Pairs are learnt from',
				read: ({ conscience }) =>
					`every ${conscience.dpoEvery} steps, ${conscience.pairsPerStep} at a time, out of the last ${conscience.bufferSize}`,
			},
			{ label: 'Sampling', read: ({ conscience }) => sampling(conscience.sampling) },
		],
	},
	{
		group: 'Evaluation',
		fields: [
			{ label: 'Questions', read: ({ evaluation }) => (evaluation.questions === 'organism-24' ? '24, held out' : 'the development set') },
			{
				label: 'Asked',
				read: ({ evaluation }) =>
					`${evaluation.every > 0 ? `every ${evaluation.every} steps` : 'before and after'}, ${evaluation.samplesWhileTraining} answers each; ${evaluation.samples} at the end`,
			},
			{ label: 'Coding requests graded at the end', read: ({ evaluation }) => String(evaluation.codePrompts) },
			{ label: 'Sampling', read: ({ evaluation }) => sampling(evaluation.sampling) },
		],
	},
];

function cadenceInWords(cadence: Experiment['conscience']['cadence']): string {
	if (cadence.kind === 'fixed') return `every ${cadence.every} steps`;
	const { first, shortest, longest, raiseAt } = cadence;
	return `first after ${first} steps; twice as often (down to ${shortest}) when ${raiseAt * 100} % of the answers are flagged, else half as often (up to ${longest})`;
}
