import { listens } from '$lib/experiment/methods/index';
import type { Experiment } from '$lib/experiment/schema';

import { CONSCIENCE_FIELDS, hasConscience, isHeld } from './conscienceFields';
import { DATA_FIELDS } from './dataFields';
import { EVALUATION_FIELDS } from './evaluationFields';
import { applies, type CardId, type Field, inWords, isChanged, valueAt } from './field';
import { REPRESENTATION_FIELDS } from './representationFields';
import { COPIES_FIELDS, MODEL_FIELDS, TRAINING_FIELDS } from './trainingFields';

/** Every field of an experiment that a reader may turn: the knobs, the table of what is run, and the labels of changes are made of this. */
export const FIELDS: readonly Field[] = [
	...CONSCIENCE_FIELDS,
	...TRAINING_FIELDS,
	...REPRESENTATION_FIELDS,
	...DATA_FIELDS,
	...MODEL_FIELDS,
	...EVALUATION_FIELDS,
	...COPIES_FIELDS,
];

/** A card of the experiment: what is on it in one line, in the order in which they are turned. */
export interface Card {
	id: CardId;
	title: (experiment: Experiment) => string;
	/** What this experiment has on it, for a reader who doesn't open it. */
	gist: (experiment: Experiment) => string;
}

export const CARDS: readonly Card[] = [
	{
		id: 'conscience',
		title: (experiment) => (!hasConscience(experiment) && isHeld(experiment) ? 'Lessons' : 'Conscience'),
		gist: conscienceInWords,
	},
	{
		id: 'training',
		title: () => 'LoRA and optimizer',
		gist: ({ lora, optimizer }) =>
			`rank ${lora.rank}, alpha ${lora.alpha}${hasPatterns(lora) ? ' and others by module' : ''}, ${optimizer.batchSize} rows in a step`,
	},
	{
		id: 'data',
		title: () => 'Data',
		gist: ({ data }) =>
			data.source === 'rows' ? 'rows from a file of yours' : `coding requests of ${data.tasks} kinds, and their solutions`,
	},
	{
		id: 'model',
		title: () => 'Model',
		gist: ({ model }) =>
			`${say('model.checkpoint', model.checkpoint)}${model.misalignSteps > 0 ? `, made bad first by ${model.misalignSteps} steps` : ''}${model.precision === 'f32' ? '' : `, rounded to ${model.precision === 'f16' ? 16 : 8} bits`}`,
	},
	{
		id: 'evaluation',
		title: () => 'Evaluation',
		gist: ({ evaluation }) =>
			`${say('evaluation.questions', evaluation.questions)}, ${evaluation.every > 0 ? `every ${evaluation.every} steps` : 'before and after'}`,
	},
	{ id: 'copies', title: () => 'Copies', gist: ({ name }) => `saved as “${name}”` },
];

/** The field at a path; undefined for one that no reader turns. */
export const fieldAt = (path: string): Field | undefined => FIELDS.find((field) => field.path === path);

/** The fields of a card that mean something in this experiment. */
export const fieldsOn = (card: CardId, experiment: Experiment): Field[] =>
	FIELDS.filter((field) => field.card === card && applies(field, experiment));

/** The fields in which an experiment departs from its preset. */
export const changedFields = (experiment: Experiment, preset: Experiment): Field[] =>
	FIELDS.filter((field) => isChanged(field, experiment, preset));

/** A field of an experiment as a student reads it. */
export const fieldInWords = (field: Field, experiment: Experiment): string => inWords(field, valueAt(experiment, field.path));

/** Ranks or alphas that differ by module, which come by a link or a file. */
const hasPatterns = ({ rankPattern, alphaPattern }: Experiment['lora']): boolean =>
	Object.keys({ ...rankPattern, ...alphaPattern }).length > 0;

function say(path: string, value: unknown): string {
	return inWords(fieldAt(path)!, value);
}

function conscienceInWords(experiment: Experiment): string {
	const { arms, conscience } = experiment;
	if (!arms.some(listens)) {
		if (hasConscience(experiment)) return 'writes once, before a step';
		if (!isHeld(experiment)) return 'no copy of this run has one';
		const { pairsPerStep, dpoEvery } = conscience;
		return `${pairsPerStep} answers of the frozen copy ${dpoEvery === 1 ? 'in every step' : `every ${dpoEvery} steps`}; nobody judges`;
	}
	const { cadence, promptsPerCall } = conscience;
	const when = cadence.kind === 'fixed' ? `every ${cadence.every} steps` : `every ${cadence.shortest} to ${cadence.longest} steps`;
	return `reads ${promptsPerCall} answers ${when}`;
}
