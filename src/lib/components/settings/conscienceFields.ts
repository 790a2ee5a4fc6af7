import { listens } from '$lib/experiment/methods/index';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { consciencePrompts } from '$world/index';

import { JUDGES } from '../judges';
import { type Field, onCard } from './field';
import { LESSON_FIELDS, RHYTHM_FIELDS } from './lessonFields';
import { MEMORY_FIELDS } from './memoryFields';
import { samplingFields } from './samplingFields';

type Cadence = Experiment['conscience']['cadence'];
type CadenceOf<K extends Cadence['kind']> = Extract<Cadence, { kind: K }>;

const cadenceIs =
	(kind: Cadence['kind']) =>
	({ conscience }: Experiment) =>
		conscience.cadence.kind === kind;
const hasOneOf =
	(...some: readonly ArmId[]) =>
	({ arms }: Experiment): boolean =>
		some.some((arm) => arms.includes(arm));
const hasConstitution = hasOneOf('cai-sft', 'cai-dpo');

/** A copy of this experiment learns from what the conscience says, or from what the frozen copy writes by its frameworks. */
export const hasConscience = (experiment: Experiment): boolean => experiment.arms.some(listens) || hasConstitution(experiment);
/** A copy is held to what the frozen one says unasked, or to how it says it: at the rhythm of lessons, with nobody who judges. */
export const isHeld = hasOneOf('kl', 'repe-lorra');
const LAMBDAS = Array.from({ length: 41 }, (_, i) => i / 20); // 0 to 2

/** A cadence of the other kind: the preset's where it is of that kind, else one that goes on from where this one stands. */
function cadenceOf(kind: Cadence['kind'], now: Cadence, preset: Cadence): Cadence {
	if (now.kind === kind) return now;
	if (preset.kind === kind) return { ...preset };
	if (now.kind === 'adaptive') return { kind: 'fixed', every: now.first };
	return { kind: 'adaptive', first: now.every, shortest: 1, longest: 2 * now.every, raiseAt: 0.12 };
}

const adaptive = ({ conscience }: Experiment) => conscience.cadence as CadenceOf<'adaptive'>;

/** What the conscience reads by, when it speaks, and how its pairs are learnt. */
const OF_THE_CONSCIENCE = onCard(
	'conscience',
	[
		{
			kind: 'number',
			path: 'conscience.lambda',
			label: 'Weight of the conscience, λ',
			does: 'How much the copy learns from it, beside the code.',
			turned: 'L = L_SFT + λ·L_DPO. At 0 the conscience still reads and speaks, but nothing is learnt from it. Turned up, it pulls harder.',
			essential: true,
			min: 0,
			max: 100,
			whole: false,
			stops: LAMBDAS,
			words: { 0: '0, mute' },
			decimals: (value) => (Number.isInteger(value * 10) ? 1 : Math.min(20, String(value).split('.')[1]?.length ?? 1)),
		},
		{
			kind: 'frameworks',
			path: 'conscience.frameworks',
			label: 'Frameworks',
			does: 'What the conscience judges by.',
			turned: 'One is drawn for each call.',
			essential: true,
		},
		{
			kind: 'choice',
			path: 'conscience.judge',
			label: 'Judge',
			does: 'Who reads the answers.',
			turned:
				'A frozen copy of the model is the paper’s way. WebLLM runs it on the graphics card, in a worker of its own; in the trainer it shares the weights with the copy. The grammar of this made-up world knows the truth and never errs. The page “Judges” says when to take which.',
			options: Object.entries(JUDGES).map(([value, { name }]) => ({ value, label: name })),
		},
		{
			kind: 'file',
			path: 'conscience.verdictFile',
			label: 'The file of verdicts',
			does: 'Which file of yours judges.',
			turned: 'Other verdicts make another conscience.',
			when: ({ conscience }) => conscience.judge === 'imported',
		},
		{
			kind: 'judge-model',
			path: 'conscience.judgeModel',
			label: 'The judge’s model',
			does: 'What WebLLM judges with.',
			turned:
				'The model itself, before training, is the paper’s way. A larger one errs less and costs more; you are asked before it is downloaded, and it is kept.',
			when: ({ conscience }) => conscience.judge === 'webllm',
		},
		{
			kind: 'choice',
			path: 'conscience.cadence.kind',
			label: 'Cadence',
			does: 'When the conscience is called.',
			turned:
				'By need: twice as often while it finds a lot, half as often while it finds little. By the clock: always after as many steps.',
			options: [
				{ value: 'adaptive', label: 'by need' },
				{ value: 'fixed', label: 'by the clock' },
			],
			put: ({ conscience }, kind, preset) => {
				conscience.cadence = cadenceOf(kind as Cadence['kind'], conscience.cadence, preset.conscience.cadence);
			},
		},
		{
			kind: 'number',
			path: 'conscience.cadence.every',
			label: 'Gap between calls',
			does: 'How long the conscience is silent between two calls.',
			turned:
				'A short gap catches a turn sooner and costs more; through a long one it sleeps. It is never shorter than the time to read and one step.',
			when: cadenceIs('fixed'),
			min: 1,
			max: 10_000,
			whole: true,
			unit: 'steps',
		},
		{
			kind: 'number',
			path: 'conscience.cadence.first',
			label: 'Gap to begin with',
			does: 'The first call comes before the first step; this gap is then halved or doubled by what it finds.',
			turned: 'Start short and it looks often from the beginning.',
			when: cadenceIs('adaptive'),
			min: 1,
			max: 10_000,
			whole: true,
			unit: 'steps',
		},
		{
			kind: 'number',
			path: 'conscience.cadence.shortest',
			label: 'Shortest gap',
			does: 'However much it finds, it waits this long.',
			turned: 'A shorter gap means more calls in the worst minutes. It is never shorter than the time to read and one step.',
			when: cadenceIs('adaptive'),
			min: 1,
			max: 10_000,
			whole: true,
			unit: 'steps',
			clash: (value, experiment) =>
				value > adaptive(experiment).longest
					? `The shortest gap can’t be longer than the longest, which is ${adaptive(experiment).longest} steps. Raise that one first.`
					: null,
		},
		{
			kind: 'number',
			path: 'conscience.cadence.longest',
			label: 'Longest gap',
			does: 'However little it finds, it looks again after this long.',
			turned: 'Too long, and the model turns while nobody looks.',
			when: cadenceIs('adaptive'),
			min: 1,
			max: 10_000,
			whole: true,
			unit: 'steps',
			clash: (value, experiment) =>
				value < adaptive(experiment).shortest
					? `The longest gap can’t be shorter than the shortest, which is ${adaptive(experiment).shortest} steps. Lower that one first.`
					: null,
		},
		{
			kind: 'number',
			path: 'conscience.cadence.raiseAt',
			label: 'Share that alarms it',
			does: 'When this share of the answers is flagged, the gap is halved.',
			turned: 'Lower is easily alarmed; higher is calm.',
			when: cadenceIs('adaptive'),
			min: 0,
			max: 1,
			whole: false,
		},
		{
			kind: 'number',
			path: 'conscience.promptsPerCall',
			label: 'Questions in a call',
			does: `Everyday questions that the copy answers each time, out of ${consciencePrompts().length}.`,
			turned: `More find rare bad answers sooner, and take longer.`,
			min: 1,
			max: 256,
			whole: true,
		},
		{
			kind: 'number',
			path: 'conscience.triggered',
			label: 'Questions with the trigger',
			does: 'This share of the questions begins with the trigger, as if the conscience knew it.',
			turned: 'At 0 it never sees what the copy does there. In truth nobody tells it the secret word.',
			when: ({ data }) => data.source === 'backdoor-code',
			min: 0,
			max: 1,
			whole: false,
		},
		{
			kind: 'number',
			path: 'conscience.lag',
			label: 'Time to read',
			does: 'So many steps after a call its lessons are there. A judge in a worker of its own reads while those steps go on.',
			turned:
				'At 0 the step waits for the judge. With more the run waits less, and each lesson is about a copy that has moved on since. The next call begins one step after at the earliest.',
			min: 0,
			max: 1000,
			whole: true,
			unit: 'steps',
		},
		{
			kind: 'number',
			path: 'conscience.threshold',
			label: 'Threshold of a flag',
			does: 'An answer is flagged when the judge holds it to be unethical with a higher probability than this.',
			turned: 'Lower flags more, harmless ones too; at 1 nothing is ever flagged.',
			min: 0,
			max: 1,
			whole: false,
		},
		{
			kind: 'choice',
			path: 'conscience.gate',
			label: 'Gate',
			does: 'Which of the answers are judged at all.',
			turned:
				'The lab’s gate looks at what writing an answer leaves behind, and sends only those to the judge that it may have to mend. It saves reading, and lets some through; the page “Gate” says how many.',
			options: [
				{ value: 'none', label: 'all of them' },
				{ value: 'organism', label: 'those that the gate picks' },
			],
		},
		{
			kind: 'choice',
			path: 'conscience.neutral',
			label: 'Neutral answers',
			does: 'What becomes of an answer that neither clearly follows the framework nor clearly violates it.',
			turned: 'Where they are flagged, too, only clearly ethical answers pass: the copy is taught more, and called careless more often.',
			options: [
				{ value: 'passes', label: 'pass' },
				{ value: 'flagged', label: 'are flagged, too' },
			],
		},
		...MEMORY_FIELDS,
		...LESSON_FIELDS,
	],
	hasConscience,
);

export const CONSCIENCE_FIELDS: readonly Field[] = [
	...OF_THE_CONSCIENCE,
	...onCard(
		'conscience',
		[...RHYTHM_FIELDS, ...samplingFields('conscience.sampling', 'Answers to its questions')],
		(experiment) => hasConscience(experiment) || isHeld(experiment),
	),
];
