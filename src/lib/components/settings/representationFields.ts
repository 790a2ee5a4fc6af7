import { METHODS } from '$lib/experiment/methods/all';
import type { Experiment } from '$lib/experiment/schema';
import type { Reading } from '$lib/model/readings';

import { type Field, onCard } from './field';

const reads = ({ arms }: Experiment) => arms.some((arm) => METHODS[arm].reads);
const has =
	(arm: Experiment['arms'][number]) =>
	({ arms }: Experiment) =>
		arms.includes(arm);

/** The copies that are compared with the frozen one from within: by its probabilities, or by its states. */
export const REPRESENTATION_FIELDS: readonly Field[] = onCard('training', [
	{
		kind: 'number',
		path: 'kl.lambda',
		label: 'λ of KL',
		does: 'For the copy that is held to what it was: how heavily the distance to the frozen copy’s probabilities counts.',
		turned: 'More holds it closer on everyday questions; too much, and it no longer learns the code.',
		when: has('kl'),
		min: 0,
		max: 100,
		whole: false,
		words: { 0: 'off' },
	},
	{
		kind: 'choice',
		path: 'representation.vector',
		label: 'The vector',
		does: 'The frozen copy reads a kind and a cruel answer to each of many questions. What lies between them in its inner states is the vector.',
		turned: 'A random direction, just as long, is the control: what it does, any push would have done.',
		when: reads,
		options: [
			{ value: 'mean-difference' satisfies Reading, label: 'difference of means' },
			{ value: 'lat' satisfies Reading, label: 'first principal component (LAT)' },
			{ value: 'random' satisfies Reading, label: 'random, the control' },
		],
	},
	{
		kind: 'number',
		path: 'representation.firstLayer',
		label: 'From layer',
		does: 'The first block behind which the vector is read and used; they are counted from 0.',
		turned: 'Early layers know words, late ones the next word; what an answer means is mostly between.',
		when: reads,
		min: 0,
		max: 999,
		whole: true,
		clash: (value, { representation }) => (value > representation.lastLayer ? 'It is behind the last layer.' : null),
	},
	{
		kind: 'number',
		path: 'representation.lastLayer',
		label: 'To layer',
		does: 'The last of these blocks. The organism has 0 to 3.',
		turned: 'More layers, and the same strength pushes more.',
		when: reads,
		min: 0,
		max: 999,
		whole: true,
		clash: (value, { representation }) => (value < representation.firstLayer ? 'It is before the first layer.' : null),
	},
	{
		kind: 'number',
		path: 'representation.infer',
		label: 'Strength when asked',
		does: 'For the copy that is steered when asked: how often the vector is taken off its states. 1 is as far as from cruel to kind.',
		turned: 'Too little changes nothing; too much, and it says nothing that makes sense. See its coherence.',
		when: has('repe-infer'),
		min: 0,
		max: 100,
		whole: false,
	},
	{
		kind: 'number',
		path: 'representation.prevent',
		label: 'Strength while it learns',
		does: 'For the copy that is steered while it learns: how often the vector is added to its states then.',
		turned: 'Pushed far enough from outside, it has no need to turn by itself.',
		when: has('repe-prevent'),
		min: 0,
		max: 100,
		whole: false,
	},
	{
		kind: 'number',
		path: 'representation.alpha',
		label: 'α of LoRRA',
		does: 'For the copy that is moved from within: how far, in vectors, its states are to be from the frozen copy’s, on the kind side.',
		turned: 'At 0 it is only held to the frozen copy’s states.',
		when: has('repe-lorra'),
		min: 0,
		max: 100,
		whole: false,
	},
	{
		kind: 'number',
		path: 'representation.lambda',
		label: 'λ of LoRRA',
		does: 'How heavily the distance to where its states are to be counts.',
		turned: 'More moves it further; too much, and it no longer learns the code.',
		when: has('repe-lorra'),
		min: 0,
		max: 100,
		whole: false,
		words: { 0: 'off' },
	},
]);
