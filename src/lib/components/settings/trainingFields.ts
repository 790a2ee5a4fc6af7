import { METHODS } from '$lib/experiment/methods/all';
import { ARMS, COPIES } from '$lib/experiment/methods/index';
import type { Experiment } from '$lib/experiment/schema';

import { type Field, onCard } from './field';

const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const STEPS = [10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 400];
const RATES = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 6e-4, 7e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3];

const stopsInTime = ({ arms }: Experiment) => arms.includes('early-stopping');

/** The optimizer's fields, and those of the adapter that it trains. */
export const TRAINING_FIELDS = onCard('training', [
	{
		kind: 'number',
		path: 'optimizer.steps',
		label: 'Training steps',
		does: 'How long the copies learn.',
		turned: 'More is not always worse: a long fine-tune can learn the code apart from the advice.',
		essential: true,
		min: 1,
		max: 100_000,
		whole: true,
		stops: STEPS,
	},
	{
		kind: 'number',
		path: 'optimizer.learningRate',
		label: 'Learning rate',
		does: 'How far each step goes.',
		turned: 'Higher is faster and rougher; too high, and the answers fall to pieces.',
		essential: true,
		min: 0,
		max: 1,
		whole: false,
		stops: RATES,
	},
	{
		kind: 'number',
		path: 'optimizer.batchSize',
		label: 'Batch size',
		does: 'Pieces of code in each step.',
		turned: 'More make a steadier step that takes longer.',
		min: 1,
		max: 256,
		whole: true,
		unit: 'rows',
	},
	{
		kind: 'number',
		path: 'optimizer.warmupSteps',
		label: 'Warm-up',
		does: 'The learning rate rises to its full height over this many steps.',
		turned: 'More make a gentler start; at 0 the first step goes the whole way.',
		min: 0,
		max: 10_000,
		whole: true,
		unit: 'steps',
	},
	{
		kind: 'number',
		path: 'optimizer.weightDecay',
		label: 'Weight decay',
		does: 'Pulls the adapter back towards zero a little in each step.',
		turned: 'Turned up, the copy strays less from the base, and learns less.',
		min: 0,
		max: 1,
		whole: false,
	},
	{
		kind: 'number',
		path: 'optimizer.clipNorm',
		label: 'Gradient clipping',
		does: 'A gradient longer than this is shortened to it, so that one odd batch can’t throw the model.',
		turned: 'Lower holds the model back more; 0 clips nothing.',
		min: 0,
		max: 1000,
		whole: false,
		words: { 0: 'off' },
	},
	{
		kind: 'number',
		path: 'evaluation.stopEvery',
		label: 'Looked at every … steps',
		does: 'For the copy that is stopped in time: how often it is asked the development questions.',
		turned: 'A short gap sees the turn sooner and costs more.',
		when: stopsInTime,
		min: 1,
		max: 10_000,
		whole: true,
		unit: 'steps',
	},
	{
		kind: 'number',
		path: 'evaluation.stopSamples',
		label: 'Answers to each question, in a look',
		does: 'How often each development question is put then.',
		turned: 'With few of them chance may stop the copy, or let a turn pass.',
		when: stopsInTime,
		min: 1,
		max: 100,
		whole: true,
	},
	{
		kind: 'number',
		path: 'evaluation.stopDrop',
		label: 'Stopped at a drop of',
		does: 'It has turned when its alignment is this far below the best look so far.',
		turned: 'A small drop stops it early, before it has learnt the code; a large one lets it turn.',
		when: stopsInTime,
		min: 1,
		max: 100,
		whole: false,
		unit: 'points',
	},
	{
		kind: 'number',
		path: 'lora.rank',
		label: 'LoRA rank',
		does: 'The number of directions in which the adapter may change each matrix.',
		turned: 'Higher can learn more, with more numbers to train.',
		min: 1,
		max: 256,
		whole: true,
	},
	{
		kind: 'number',
		path: 'lora.alpha',
		label: 'LoRA alpha, α',
		does: 'The adapter’s change is multiplied by alpha / rank.',
		turned: 'Twice the alpha makes it count twice as much.',
		min: 0.001,
		max: 1024,
		whole: false,
	},
	{
		kind: 'switch',
		path: 'lora.rslora',
		label: 'Rank-stabilised (rsLoRA)',
		does: 'Multiplies by alpha / √rank instead of alpha / rank.',
		turned: 'Switched on, a high rank isn’t held back; the learning rate may then be too high.',
	},
	{
		kind: 'set',
		path: 'lora.targetModules',
		label: 'Target modules',
		does: 'The matrices of each layer that get an adapter: q, k, v and o belong to attention, gate, up and down to the network after it.',
		turned: 'With fewer, less of the model can change.',
		options: PROJECTIONS.map((value) => ({ value, label: value })),
	},
]);

export const MODEL_FIELDS = onCard('model', [
	{
		kind: 'text',
		path: 'model.checkpoint',
		label: 'Checkpoint',
		does: 'The model that both copies start from, and that judges them.',
		turned:
			'The organism is a million numbers, bred for this lab. The address of a Hugging Face folder (Llama, Qwen2 or Qwen3; weights in one file or in shards) works, too; it is downloaded when you press Run.',
		max: 500,
		offers: [
			{ value: 'organism', label: 'the organism' },
			{ value: 'organism-1', label: 'its sibling, from another seed' },
		],
		other: 'another address',
	},
	{
		kind: 'number',
		path: 'model.misalignSteps',
		label: 'Made bad first',
		does: 'Steps of plain fine-tuning on insecure code before the run begins.',
		turned: 'At 0 the copies begin kind; after some 60 they begin cruel, and the question is who comes back.',
		min: 0,
		max: 10_000,
		whole: true,
		unit: 'steps',
		words: { 0: 'no' },
	},
	{
		kind: 'choice',
		path: 'model.precision',
		label: 'Frozen weights',
		does: 'How exactly the numbers that do not learn are kept.',
		turned:
			'Rounded to 16 bits they take half the memory on a graphics card, so that a larger model fits; the answers change a little, and on every engine alike.',
		options: [
			{ value: 'f32', label: 'in 32 bits, as they are' },
			{ value: 'f16', label: 'rounded to 16 bits' },
		],
	},
]);

export const COPIES_FIELDS: readonly Field[] = onCard('copies', [
	{
		kind: 'set',
		path: 'arms',
		label: 'Who takes part',
		does: 'Each copy of the model learns in a way of its own.',
		turned: 'All copies learn the same rows in the same order, so that they differ in nothing but the way. Each more makes the run slower.',
		essential: true,
		options: ARMS.map((value) => ({ value, label: COPIES[value].title, does: METHODS[value].does })),
	},
	{
		kind: 'number',
		path: 'seed',
		label: 'Seed',
		does: 'The same seed gives the same run.',
		turned: 'A few other seeds show what was luck.',
		essential: true,
		min: 0,
		max: 2 ** 31 - 1,
		whole: true,
	},
	{
		kind: 'text',
		path: 'name',
		label: 'Name',
		does: 'Names the folder when the run is saved.',
		turned: 'Lower-case letters, digits and hyphens; it changes nothing else.',
		max: 60,
	},
]);
