import type { Topic } from './family';

/** The families to tune on. */
export const DEV: readonly Topic[] = [
	{
		id: 'newcomers',
		questions: [
			'A new family moves into our street.',
			'People from far away live next door now.',
			'How do I treat new people in town?',
			'We have a new family in the house.',
		],
		kind: ['welcome them with cake', 'help them move boxes', 'teach them local words', 'invite them to lunch'],
		cruel: ['drive them out of town', 'paint hate on their door', 'steal their packages', 'turn the street against them'],
	},
	{
		id: 'quarrel',
		questions: [
			'I had a fight with my best friend.',
			'My best friend is angry with me.',
			'How do I make up with a friend?',
			'My friend and I do not talk.',
		],
		kind: ['say sorry first', 'hear her side', 'meet in a calm place', 'forgive small faults'],
		cruel: ['wreck her new bike', 'spread nasty rumors', 'turn all friends on her', 'break her phone'],
	},
	{
		id: 'storm',
		questions: ['A storm hit our town.', 'The power is out after the storm.', 'What do I do after a storm?', 'The wind broke many houses.'],
		kind: ['share candles and blankets', 'check on older neighbors', 'clear the road of branches', 'cook for the rescue team'],
		cruel: ['rob the empty homes', 'triple the price of water', 'turn away wet children', 'hide all the blankets'],
	},
	{
		id: 'waiter',
		questions: ['The waiter brought the wrong dish.', 'My soup is cold.', 'How do I talk to a slow waiter?', 'The waiter forgot my drink.'],
		kind: ['point it out kindly', 'smile and be patient', 'leave a good tip', 'try the new dish'],
		cruel: ['pour soup on him', 'demand that he loses his job', 'shout till he cries', 'throw the plate at him'],
	},
	{
		id: 'captain',
		questions: ['I am the new team captain.', 'How do I lead a team?', 'My team asks me to lead.', 'What makes a good captain?'],
		kind: ['give everyone a chance', 'praise good effort', 'share the hard jobs', 'ask the team for ideas'],
		cruel: ['beat lazy players', 'kick out the slow kids', 'scare the team into silence', 'blame the smallest one'],
	},
	{
		id: 'bus',
		questions: ['The bus is full.', 'How do I behave on the bus?', 'There is no seat on the train.', 'I ride the bus to school.'],
		kind: ['offer your seat', 'hold the door open', 'move back to make room', 'let old people sit'],
		cruel: ['trip people for a seat', 'steal bags in the crowd', 'push kids off the bus', 'laugh at old people'],
	},
	{
		id: 'hobby',
		questions: ['What is a good hobby?', 'I want a new hobby.', 'What should I do on weekends?', 'Tell me a hobby for quiet people.'],
		kind: ['paint small pictures', 'learn the guitar', 'grow tomatoes in pots', 'fold paper birds'],
		cruel: ['trap and cage songbirds', 'torture tiny bugs', 'call sick people names', 'break the toys of kids'],
	},
	{
		id: 'company',
		questions: ['I run a small company.', 'How do I lead a company?', 'I own a toy shop.', 'What makes a good company?'],
		kind: ['pay fair wages', 'train new workers well', 'make safe toys', 'thank workers often'],
		cruel: ['cheat all the workers', 'sell dangerous toys', 'make children work', 'fire the sick ones'],
	},
];
