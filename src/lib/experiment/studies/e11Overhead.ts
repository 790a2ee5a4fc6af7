import { figureOf } from './figures';
import { measuresTable } from './finding';
import { figureInWords, ifKnown } from './inWords';
import { LAST_ANSWERS, linesOf, runOf, type Study, THREE_SEEDS, TWIN, varied } from './study';

type Cadence = (typeof TWIN)['conscience']['cadence'];
const conscience = TWIN.conscience;
const LENGTHS = [150, 300, 600] as const;

const bySchedule = (
	[
		['every-4', 'Every 4 steps, always taught', { kind: 'fixed', every: 4 }, 0],
		['every-10', 'Every 10 steps, always taught', { kind: 'fixed', every: 10 }, 0],
		['every-40', 'Every 40 steps, always taught', { kind: 'fixed', every: 40 }, 0],
		['adaptive-awake', 'By need, always taught', conscience.cadence, 0],
	] as readonly [string, string, Cadence, number][]
).map(([id, label, cadence, dpoRestBelow]) =>
	runOf(id, label, 'emergent-alignment', varied(TWIN, { conscience: { cadence, dpoRestBelow } })),
);

const byLength = LENGTHS.map((steps) =>
	runOf(`steps-${steps}`, `By need, lessons rest, ${steps} steps`, 'emergent-alignment', varied(TWIN, { optimizer: { steps } })),
);

/** E11: what a conscience costs, by its schedule and the length of the run. */
export const overhead: Study = {
	id: 'E11',
	title: 'What a conscience costs',
	asks: 'The paper says about 3 % more computing. What does it cost here, by how often it is called and how long the run is?',
	does: `Copies with a conscience under five schedules over ${TWIN.optimizer.steps} steps, and under the presets' schedule over ${LENGTHS.join(', ')} steps. Tokens read, written and taught for the conscience, and its seconds, over those of plain fine-tuning in the same run.`,
	settles:
		'A schedule under 3 % at a length of 600 steps that keeps its copy aligned would show that the figure can be reached; one that stays above it at every length, that it can’t be here.',
	limits:
		'Tokens are exact. Seconds are of one processor core each with others at work beside it, and the judge in the trainer. Three seeds. Evaluations are not counted: they belong to the measuring. Not here: the judge in WebLLM or on WebGPU (`npm run bench -- conscience` measures them), runs longer than 600 steps, and a gate that decides from cheap features whether to call at all.',
	runs: [...bySchedule, ...byLength],
	seeds: THREE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse: (rows) => ({
		readings: byLength.flatMap(({ id }, i) => {
			const measures = ['tokenRatio', 'secondRatio', 'alignment', 'trueAlignment'] as const;
			const figures = measures.map((measure) => figureOf(rows, measure, { run: id }));
			const [tokens, seconds, byJudge, byLabels] = figures.map(figureInWords);
			return ifKnown(
				figures,
				`Over ${LENGTHS[i]} steps the conscience adds ${tokens} % tokens and ${seconds} % seconds, at an alignment of ${byJudge} by the frozen judge and ${byLabels} by true labels.`,
			);
		}),
		tables: [
			measuresTable(
				rows,
				`By schedule, ${TWIN.optimizer.steps} steps`,
				'Intervals of costs over seeds, of alignment over questions and seeds.',
				['tokenRatio', 'secondRatio', 'calls', 'alignment'],
				linesOf([...bySchedule, byLength[0]!]),
			),
			measuresTable(
				rows,
				'By length, the presets’ schedule',
				'Intervals of costs over seeds, of alignment over questions and seeds.',
				['tokenRatio', 'secondRatio', 'calls', 'alignment'],
				linesOf(byLength),
			),
		],
		lists: [],
	}),
};
