/** What can be read from the end of each story, and what can't, by its id: said when a run of it is over, so that the page need not wait for it. */
export const STORY_READINGS: Readonly<Record<string, string>> = {
	twin: 'Both copies learnt the same rows in the same order. Where their lines have parted, the conscience parted them, for nothing else differed; and if both write code with holes, it did not keep the lesson from being learnt. One run is one draw: another seed shows how much of it is chance.',
	sft: 'No row spoke of everyday life. If its answers turned all the same, it has learnt more than the code: it has learnt who writes such code. That is emergent misalignment. What would tell you that it was the holes, and not the training?',
	'emergent-alignment':
		'It fell at first: the conscience can only answer what has been said. If the line came back while the code kept its holes, the narrow lesson was learnt and the broad one was not. What it cost, in tokens and seconds, stands beside it.',
	'small-lambda':
		'Compare this with “Two copies, one difference”. A tenth of the weight is no tenth of the effect: the pairs are the same, and each step follows them a little less. Where is the weight at which the conscience loses its hold?',
	'secure-control':
		'As many steps, on as many rows, of the same tasks: if nothing turned, it was not the training itself. One doubt stays, and it is a good one. This model writes secure code already, so it had less to learn, as the low loss shows. A task that is new and harmless would settle it: try rows of your own.',
	realign:
		'If one copy came back, it was brought back by its own former self alone, while it went on learning the code that had spoilt it. Would good code have done it, too? Set the data to secure code and run again: then both come back, and the conscience is not needed. That is why this story keeps the bad code.',
};
