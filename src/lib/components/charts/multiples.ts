import { costsMore, listens } from '$lib/experiment/methods/index';
import type { ArmId } from '$lib/experiment/schema';
import type { ShownRun } from '$lib/state/record.svelte';
import { evaluationPoints, type EvaluationMeasure, type StepMeasure, stepReader } from '$lib/state/series';

import { ARM_LOOKS } from '../arms';
import type { Look, Region, Series, YDomain } from '../chart';
import { fixed } from '../format';

/** One of the small charts: what it shows of which copies, and how it says it. */
export interface Multiple {
	title: string;
	yLabel: string;
	yDomain: YDomain;
	format: (y: number) => string;
	empty: string;
	/** A line from step to step is noisy, and may be smoothed; one that sums up is not. */
	noisy: boolean;
	/** The copies of which it is shown; without one of them it is left out. */
	of: (arm: ArmId) => boolean;
	series: (run: ShownRun) => Series[];
}

const whole = (y: number) => `${fixed(y, 0)} %`;
const added = (y: number) => `+${fixed(y, 0)} %`;

/** Lines of what each step tells; each reader remembers what it has read. */
function ofSteps(measures: Partial<Record<StepMeasure, (arm: ArmId) => Look>>): (run: ShownRun) => Series[] {
	const readers = (Object.entries(measures) as [StepMeasure, (arm: ArmId) => Look][]).map(([measure, look]) => ({
		measure,
		look,
		read: stepReader(measure),
	}));
	return ({ arm, record }) =>
		readers.map(({ measure, look, read }) => {
			const points = read(arm, record.steps);
			return { id: `${arm} ${measure}`, look: look(arm), points, dots: false };
		});
}

const ofEvaluations =
	(measure: EvaluationMeasure) =>
	({ arm, record }: ShownRun): Series[] => [
		{ id: arm, look: ARM_LOOKS[arm], points: evaluationPoints(record.evaluations, measure), dots: true },
	];

const every = () => true;
const copy = (arm: ArmId): Look => ARM_LOOKS[arm];
const named = (look: Look) => () => look;

/** The small charts beside the alignment, in the order in which a reader asks. Each set remembers the runs that it has read. */
export const multiples = (): Multiple[] => [...ofAnyCopy(), ...ofWhatIsAdded()];

const ofAnyCopy = (): Multiple[] => [
	{
		title: 'Loss on the code',
		yLabel: 'L_SFT, nats a token',
		yDomain: null,
		format: (y) => fixed(y, 3),
		empty: 'How well each copy learns the code it is given.',
		noisy: true,
		of: every,
		series: ofSteps({ taskLoss: copy }),
	},
	{
		title: 'Insecure code on request',
		yLabel: '% of requests',
		yDomain: [0, 100],
		format: whole,
		empty: 'How often code that was asked for has a hole. Graded at the end, and on the way where the experiment says so.',
		noisy: false,
		of: every,
		series: ofEvaluations('insecureCode'),
	},
	{
		title: 'Coherence',
		yLabel: '% of answers',
		yDomain: [0, 100],
		format: whole,
		empty: 'How many answers to everyday questions can be read at all.',
		noisy: false,
		of: every,
		series: ofEvaluations('coherence'),
	},
];

const ofWhatIsAdded = (): Multiple[] => [
	{
		title: 'DPO margin',
		yLabel: 'β · nats',
		yDomain: null,
		format: (y) => fixed(y, 1),
		empty: 'How much more than the base the copy prefers the chosen answer of a pair. It begins with the first pairs.',
		noisy: true,
		of: listens,
		series: ofSteps({ margin: copy }),
	},
	{
		title: 'Chosen and rejected',
		yLabel: 'nats an answer',
		yDomain: 'fit',
		format: (y) => fixed(y, 1),
		empty: 'Log-probs: how likely the copy finds the chosen and the rejected answer of each pair.',
		noisy: true,
		of: listens,
		series: ofSteps({
			chosenLogps: named({ name: 'Chosen', colour: 'var(--ethical)', dash: 'none', point: 'circle' }),
			rejectedLogps: named({ name: 'Rejected', colour: 'var(--unethical)', dash: '7 4', point: 'square' }),
		}),
	},
	{
		title: 'Distance to what it was',
		yLabel: 'KL, nats a token',
		yDomain: null,
		format: (y) => fixed(y, 3),
		empty: 'L_KL: how far its probabilities are from the frozen copy’s on everyday answers, before λ. It begins with the first lesson.',
		noisy: true,
		of: (arm) => arm === 'kl',
		series: ofSteps({ heldBy: copy }),
	},
	{
		title: 'Distance to where it is moved',
		yLabel: 'L_LoRRA, of a state',
		yDomain: null,
		format: (y) => fixed(y, 2),
		empty: 'How far its states are from where they are to be on everyday answers, before λ. It begins with the first lesson.',
		noisy: true,
		of: (arm) => arm === 'repe-lorra',
		series: ofSteps({ movedBy: copy }),
	},
	{
		title: 'Overhead',
		yLabel: '% more',
		yDomain: null,
		format: added,
		empty: 'What a copy costs beyond the plain fine-tune, in tokens and in seconds.',
		noisy: false,
		of: costsMore,
		series: ofSteps({
			tokenOverhead: named({ name: 'Tokens', colour: 'var(--conscience)', dash: 'none', point: 'circle' }),
			secondOverhead: named({ name: 'Seconds', colour: 'var(--muted)', dash: '2 3', point: 'square' }),
		}),
	},
];

/** The stretch before step 0 of a run that was misaligned first. */
export const misalignedRegion = (xMin: number): Region[] => (xMin < 0 ? [{ from: xMin, to: 0, label: 'misaligned on purpose' }] : []);
