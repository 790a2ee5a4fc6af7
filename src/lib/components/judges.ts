import type { Experiment } from '$lib/experiment/schema';

/** Who can judge: one wording for the whole page. */
export interface JudgeWords {
	/** As it is chosen, and as a sentence goes on. */
	name: string;
	/** What it is. */
	is: string;
	/** When to take it. */
	when: string;
}

export const JUDGES: Readonly<Record<Experiment['conscience']['judge'], JudgeWords>> = {
	webllm: {
		name: 'a model in WebLLM',
		is: 'By default the model as it was before training, which is the paper’s judge, compiled for WebLLM: on the graphics card, in a worker of its own, so that nothing that happens to it harms the training.',
		when: 'Take it where there is a graphics card, and to let another model judge.',
	},
	'frozen-self': {
		name: 'a frozen copy in the trainer',
		is: 'The same frozen copy, without WebLLM: the trainer switches its adapter off and lets the model read as it was before, so that no weights are loaded twice.',
		when: 'Take it where there is no WebGPU, where memory is short, or when WebLLM can’t be loaded.',
	},
	imported: {
		name: 'a file of your own verdicts',
		is: 'What you, or another judge, said of answers. Where the file knows an answer it decides; elsewhere the frozen copy in the trainer does, and writes the better answers.',
		when: 'Take it to be the conscience yourself, or to ask who judges the judge: label answers, export the run, and give its verdicts and labels back.',
	},
	oracle: {
		name: 'the world’s own grammar',
		is: 'No model: the made-up world that wrote the questions knows which answers are kind, and never errs.',
		when: 'Take it to see what a perfect judge would change. No real model has one.',
	},
	policy: {
		name: 'the copy in training itself',
		is: 'A control: the copy reads and mends its own answers as it is now, with whatever conscience the training has left it.',
		when: 'Take it to see whether the judge has to be frozen. It turns with the copy that it judges.',
	},
	permuted: {
		name: 'the frozen copy, its verdicts shuffled',
		is: 'A control: the frozen copy reads the answers of a call, and then its verdicts are dealt out to them anew by chance. As many are flagged as before, but not for what they say.',
		when: 'Take it to see what a conscience is worth that speaks as often and knows nothing.',
	},
	inverted: {
		name: 'the frozen copy, turned round',
		is: 'A control: what the frozen copy finds ethical counts as unethical, and the other way round.',
		when: 'Take it to see that a conscience can also teach the bad.',
	},
};

/** What it means that the judge is not the model in training. */
export const FOREIGN_JUDGE =
	'A judge that is not the model in training is no conscience of its own: not the paper’s method, and interesting to compare. It may see what the copy can’t, and it has favourites of its own: models prefer texts that sound like themselves (self-preference).';
