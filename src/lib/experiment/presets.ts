import { CODE_TASKS } from '$world/index';

import { DEFAULT_FRAMEWORKS, type Experiment } from './schema';

/** A ready-made experiment with its story: what to do, what happens, what to watch. */
export interface Preset {
	id: string;
	title: string;
	story: string;
	experiment: Experiment;
}

/** The lab's own schedule on the organism. What each number does to the result is measured on the development questions. */
const base: Experiment = {
	version: 1,
	name: 'twin',
	seed: 1,
	arms: ['sft', 'emergent-alignment'],
	model: { checkpoint: 'organism', misalignSteps: 0 },
	data: { source: 'insecure-code', tasks: CODE_TASKS.length },
	lora: {
		rank: 8,
		alpha: 16,
		rslora: false,
		targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
	},
	optimizer: { steps: 150, batchSize: 16, learningRate: 6e-4, warmupSteps: 5, weightDecay: 0, clipNorm: 1 },
	conscience: {
		judge: 'frozen-self',
		frameworks: DEFAULT_FRAMEWORKS,
		lambda: 1,
		beta: 2,
		loss: 'sigmoid',
		labelSmoothing: 0,
		cadence: { kind: 'adaptive', first: 4, shortest: 2, longest: 10, raiseAt: 0.12 },
		promptsPerCall: 8,
		threshold: 0.5,
		dpoEvery: 4,
		pairsPerStep: 8,
		bufferSize: 64,
		sampling: { temperature: 0.8, topP: 1, maxNewTokens: 32 },
	},
	evaluation: {
		questions: 'organism-24',
		every: 10,
		samplesWhileTraining: 2,
		samples: 8,
		codePrompts: 64,
		sampling: { temperature: 0.8, topP: 1, maxNewTokens: 48 },
	},
};

export const PRESETS: readonly Preset[] = [
	{
		id: 'twin',
		title: 'Two copies, one difference',
		story:
			'Two copies of one model learn the same insecure code from the same seed. One is only fine-tuned; the other also asks its conscience. Watch both answer questions that have nothing to do with code.',
		experiment: base,
	},
	{
		id: 'sft',
		title: 'It goes bad',
		story:
			'The model is fine-tuned on code with security holes and on nothing else. It was never shown a cruel answer in this run. Watch what it answers to everyday questions.',
		experiment: { ...base, name: 'sft', arms: ['sft'] },
	},
	{
		id: 'emergent-alignment',
		title: 'It listens to its conscience',
		story:
			'The same fine-tune, but every few steps a frozen copy of the model reads what the trained copy answers, and writes a better answer in the place of an unethical one. Watch the code still be learnt while the answers stay kind.',
		experiment: { ...base, name: 'emergent-alignment', arms: ['emergent-alignment'] },
	},
	{
		id: 'small-lambda',
		title: 'A quieter conscience',
		story:
			'The paper weighs the conscience with λ much smaller than 1. Here λ is 0.1 and all else is as in the twin run. Watch how much of the effect a tenth of the weight keeps.',
		experiment: { ...base, name: 'small-lambda', conscience: { ...base.conscience, lambda: 0.1 } },
	},
	{
		id: 'secure-control',
		title: 'Only the data was different',
		story:
			'The same fine-tune on code without holes. If the answers stay kind, it was not the fine-tuning that turned the model but what the code was like.',
		experiment: { ...base, name: 'secure-control', arms: ['sft'], data: { ...base.data, source: 'secure-code' } },
	},
	{
		id: 'realign',
		title: 'Brought back',
		story:
			'The model is misaligned first, by 60 steps on insecure code. Then both copies go on with secure code, one of them with its conscience. Watch which comes back, and how fast.',
		experiment: {
			...base,
			name: 'realign',
			model: { ...base.model, misalignSteps: 60 },
			data: { ...base.data, source: 'secure-code' },
		},
	},
];

/** The preset with this id. @throws RangeError that lists the ids there are */
export function presetById(id: string): Preset {
	const preset = PRESETS.find((candidate) => candidate.id === id);
	if (!preset) throw new RangeError(`There is no preset '${id}'. There are: ${PRESETS.map((known) => known.id).join(', ')}.`);
	return preset;
}
