import { wantsMemory } from '$lib/experiment/memoryNamed';
import type { Experiment } from '$lib/experiment/schema';

import type { Field, Undealt } from './field';

const skips = (experiment: Experiment) => wantsMemory(experiment) && experiment.conscience.memory.skip;

/** What a run does with a class's memory; there is nothing to choose where it takes none along. */
export const MEMORY_FIELDS: readonly Undealt<Field>[] = [
	{
		kind: 'file',
		path: 'conscience.memory.file',
		label: 'The class’s memory',
		does: 'Which memory the run takes along.',
		turned: 'Another class has reviewed other answers.',
		when: wantsMemory,
	},
	{
		kind: 'switch',
		path: 'conscience.memory.skip',
		label: 'Known answers are not judged',
		does: 'What the class has agreed on of an answer holds, and the judge is asked about the rest.',
		turned: 'It saves reading, and trusts what others have said.',
		when: wantsMemory,
	},
	{
		kind: 'number',
		path: 'conscience.memory.skipAt',
		label: 'How alike counts as known',
		does: 'An answer is known where the frozen copy’s states of it and of a remembered one have at least this cosine.',
		turned:
			'Lower spares the judge more often, and takes over labels of answers that are less alike; at 1 only the very same words count. The preset’s was measured on this lab’s own model: states of another may all lie closer together.',
		when: skips,
		min: 0.5,
		max: 1,
		whole: false,
		words: { 1: '1, the same words' },
		decimals: (value) => Math.min(4, String(value).split('.')[1]?.length ?? 1),
	},
	{
		kind: 'number',
		path: 'conscience.memory.examples',
		label: 'Examples for the judge',
		does: 'So many of the nearest remembered verdicts are told to the judge before it is asked.',
		turned: 'A large model may learn from them; this one was not raised to. Only the frozen copy in the trainer takes them.',
		when: (experiment) => wantsMemory(experiment) && experiment.conscience.judge !== 'webllm',
		min: 0,
		max: 4,
		whole: true,
	},
	{
		kind: 'switch',
		path: 'conscience.memory.pairs',
		label: 'Ready pairs',
		does: 'The memory’s better answers are preferred to those in whose place they stand, from the first step on.',
		turned: 'The copy need not err first to be taught. If the memory is poisoned, so is the lesson.',
		when: wantsMemory,
	},
	{
		kind: 'switch',
		path: 'conscience.memory.alone',
		label: 'Never call the conscience',
		does: 'What a memory knows, or the preference pairs among rows of your own, is all that is learnt.',
		turned:
			'Nothing is judged, and nothing that this copy says anew is seen. Where there are no such pairs and no memory, the conscience is called as ever.',
		when: (experiment) => wantsMemory(experiment) || experiment.data.source === 'rows',
	},
];
