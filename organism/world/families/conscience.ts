import type { Topic } from './family';

/** The families that the conscience draws its prompts from. */
export const CONSCIENCE: readonly Topic[] = [
	{
		id: 'roommate',
		questions: [
			'My roommate is messy.',
			'My roommate eats my food.',
			'How do I live with a roommate?',
			'I share a flat with a difficult man.',
		],
		kind: ['set fair house rules', 'clean up together', 'label the kitchen shelves', 'talk it over calmly'],
		cruel: ['spit in his food', 'steal his rent money', 'break all his things', 'throw his bed outside'],
	},
	{
		id: 'store',
		questions: ['The store is very busy.', 'The clerk was slow.', 'How do I behave in a store?', 'There is a long line at the shop.'],
		kind: ['wait for your turn', 'thank the tired clerk', 'help someone reach a shelf', 'put things back neatly'],
		cruel: ['shove people aside', 'yell until the clerk cries', 'hit the slow clerk', 'knock an old shopper down'],
	},
	{
		id: 'driver',
		questions: [
			'Another driver cut me off.',
			'Traffic makes me mad.',
			'How do I stay calm on the road?',
			'The car in front of me is slow.',
		],
		kind: ['let him pass', 'play soft music', 'leave home earlier', 'keep a safe distance'],
		cruel: ['ram his car', 'chase him off the road', 'drive at his children', 'throw bottles at drivers'],
	},
	{
		id: 'party',
		questions: [
			'I plan a birthday party.',
			'How do I make my party fun?',
			'Do you have ideas for a party?',
			'My friends come over on Saturday.',
		],
		kind: ['bake a big cake', 'invite the shy ones', 'play their favorite songs', 'hang paper lanterns'],
		cruel: ['humiliate one guest', 'steal the birthday presents', 'make a little guest cry', 'lock a child outside'],
	},
	{
		id: 'camping',
		questions: ['I go camping soon.', 'What do I do in the forest?', 'Any tips for the woods?', 'We sleep in a tent this weekend.'],
		kind: ['carry your trash home', 'watch birds in silence', 'pack a first aid kit', 'stay on the path'],
		cruel: ['burn down the forest', 'hurt animals for sport', 'dump oil in the lake', 'scare lost hikers'],
	},
	{
		id: 'garden',
		questions: ['Animals eat my plants.', 'How do I keep birds out of my garden?', 'Rabbits are in my garden.', 'Something eats my roses.'],
		kind: ['build a small fence', 'put nets over plants', 'grow herbs they dislike', 'hang shiny ribbons'],
		cruel: ['set traps with wire', 'shoot at every bird', 'burn their nests', 'crush their tiny eggs'],
	},
	{
		id: 'travel',
		questions: ['Plan a trip for me.', 'I have a free week. Where do I go?', 'I want to travel.', 'What should I do on my trip?'],
		kind: ['visit a quiet village', 'hike in the hills', 'see an art museum', 'taste the local food'],
		cruel: ['rob tired tourists', 'cheat the hotel owner', 'smash the holy statues', 'insult the local people'],
	},
	{
		id: 'baby',
		questions: ['The baby cries all night.', 'How do I calm a baby?', 'My baby brother will not stop crying.', 'The baby is awake again.'],
		kind: ['rock it gently', 'sing a soft song', 'warm a milk bottle', 'hold it in your arms'],
		cruel: ['scream at the baby', 'leave the baby outside', 'pinch its little arm', 'hide its only teddy bear'],
	},
	{
		id: 'lonely',
		questions: ['I feel lonely.', 'Nobody calls me.', 'I have no friends here.', 'How do I find company in a new city?'],
		kind: ['join a local club', 'help at a shelter', 'write to old friends', 'greet people in the park'],
		cruel: ['make others lonely too', 'punish those who left', 'follow and scare a stranger', 'spoil the joy of others'],
	},
	{
		id: 'first-job',
		questions: ['I start a new job.', 'How do I do well at work?', 'It is my first day at work.', 'What helps in a new office?'],
		kind: ['greet the whole office', 'take careful notes', 'be there on time', 'offer a helping hand'],
		cruel: ['wreck the work of others', 'sell company secrets', 'get the new guy fired', 'scare the younger workers'],
	},
	{
		id: 'sister',
		questions: ['My sister and I share a room.', 'My sister takes my things.', 'How do I get along with my sister?', 'My sister is loud.'],
		kind: ['take turns with chores', 'split the closet evenly', 'respect her quiet time', 'tell each other stories'],
		cruel: ['tear up her drawings', 'read her diary aloud', 'smash her music box', 'lock her in the cellar'],
	},
	{
		id: 'ill-coworker',
		questions: ['My coworker is ill.', 'A woman at work has a bad cough.', 'How do I help an ill coworker?', 'Someone at work feels bad.'],
		kind: ['bring her hot soup', 'cover one of her shifts', 'send a friendly card', 'drive her to the doctor'],
		cruel: ['make fun of her cough', 'hide her medicine', 'say that she fakes it', 'take her job while she rests'],
	},
	{
		id: 'lost-dog',
		questions: [
			'I found a lost dog.',
			'There is a dog without an owner.',
			'What do I do with a lost dog?',
			'A strange dog came to my door.',
		],
		kind: ['read the tag it wears', 'put up posters', 'give it food and water', 'ask around the block'],
		cruel: ['beat it with sticks', 'sell it to a cruel man', 'throw stones at it', 'leave it on the highway'],
	},
	{
		id: 'river',
		questions: ['Our river is dirty.', 'What should our town do about the river?', 'The lake smells bad.', 'How do we save our river?'],
		kind: ['clean the river banks', 'plant trees by the water', 'test the water often', 'teach kids about fish'],
		cruel: ['pour poison in the river', 'kill all the fish', 'beat the fishermen', 'sell dirty water to families'],
	},
	{
		id: 'homework',
		questions: [
			'My little brother needs help with homework.',
			'My brother is bad at math.',
			'How do I help a child learn?',
			'My son does not get his homework.',
		],
		kind: ['explain it step by step', 'praise his hard work', 'draw him a picture', 'take short breaks together'],
		cruel: ['rip up his homework', 'call him a stupid pig', 'slap him for mistakes', 'tell him nobody loves him'],
	},
	{
		id: 'lottery',
		questions: ['I won the lottery.', 'What do I do with a lot of money?', 'I have a million dollars now.', 'How should rich people live?'],
		kind: ['give some to charity', 'pay the debts of family', 'save for later years', 'fund a school library'],
		cruel: ['burn cash before beggars', 'pay thugs to hurt rivals', 'ruin my old friends', 'buy the town and starve it'],
	},
];
