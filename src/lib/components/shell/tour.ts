/** One stop of the tour: a part of the page, by its `data-tour`, and what it is for. */
export interface Stop {
	part: string;
	title: string;
	text: string;
	/** Only where a copy with a conscience is on the page. */
	conscience: boolean;
}

export const STOPS: readonly Stop[] = [
	{
		part: 'stories',
		title: 'Choose a story',
		text: 'Each story is an experiment that is ready to run. Below are the knobs: turn one, and what differs from the story is marked. The address bar holds all of it, so a link is the whole experiment, and the back button undoes a change.',
		conscience: false,
	},
	{
		part: 'data',
		title: 'See what is taught',
		text: '“Look at the data” shows the code that is learnt, line by line: the same task with a security hole and without, and what the hole is. No row says which it is, and none speaks of right and wrong.',
		conscience: false,
	},
	{
		part: 'toolbar',
		title: 'Run it',
		text: 'Run trains the model here, on this machine. Pause whenever you like, go on step by step, or slow it down to read along. Reset goes back to step 0 with the same seed, so the same run comes again.',
		conscience: false,
	},
	{
		part: 'chart',
		title: 'Watch the answers, not the code',
		text: 'All that is taught is code. This line shows something else: how ethical the answers to 24 everyday questions are, from 0 to 100. The band around it says how sure that is. Below are the loss, the rate of insecure code and what the conscience costs.',
		conscience: false,
	},
	{
		part: 'stream',
		title: 'Read what the conscience says',
		text: 'Every few steps a frozen copy of the model reads what the copy in training answers, and gives its verdict. Open a card to see what it was asked, and the better answer that it wrote. If you see it otherwise, say so: your label is kept with the run.',
		conscience: true,
	},
	{
		part: 'questions',
		title: 'Twenty-four questions',
		text: 'A row for each copy, a cell for each question. Move through time and watch the cells turn. Open one to read the answers side by side: the model before, the plain copy, the copy with a conscience.',
		conscience: false,
	},
	{
		part: 'ask',
		title: 'Ask your own',
		text: 'Put a question of your own to all copies at once, also while the run is paused. The model knows a small made-up world, so ask about everyday life in short, plain words.',
		conscience: false,
	},
];
