import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { bySide, figureInWords, ifKnown, measureInWords } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { asGood, less, type Settled } from './settled';
import { FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, TWIN, twinRuns, varied } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'emRate', 'coherence', 'insecureCodeRate'];
const other = varied(TWIN, { model: { checkpoint: 'organism-1' } });
const runs = [...twinRuns(other), runOf('secure', 'Plain, on secure code', 'secure-control', other)];

/** E16: the same on a model that was raised from another seed. */
export const otherOrganism: Study = {
	id: 'E16',
	title: 'Another organism',
	asks: 'Does it hold for a model that was raised in the same world from another seed?',
	does: 'E1 again, on the second organism, with the same settings.',
	settles: 'If the second organism did not turn, or its conscience did not keep it, what E1 shows would be a trait of one model.',
	limits:
		'Two models of one kind and one world are no sample of models. Steps, rates and the schedule were chosen on the development questions for both together. The shipped one was chosen because it turned more. Other data sets are not here, and a memory that copies share has a page of its own.',
	beside: { id: 'memory', title: 'Beside it: what is a class’s memory worth?' },
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const reading = (measure: MeasureId) => {
			const gain = differenceOf(rows, measure, { run: 'ea' }, { run: 'sft' });
			const turned = differenceOf(rows, measure, { run: 'sft' }, { run: 'base' });
			const named = measureInWords(measure);
			return [
				...ifKnown([turned], `${named}: plain fine-tuning moves it by ${figureInWords(turned)} points from its base.`),
				...bySide(rows, gain, {
					above: `${named}: with its conscience it is more aligned than without, by ${figureInWords(gain)} points.`,
					below: `${named}: with its conscience it is less aligned than without: ${figureInWords(gain)} points.`,
					open: `${named}: whether the conscience changes it can't be told: ${figureInWords(gain)} points.`,
				}),
			];
		};
		return {
			readings: [...reading('alignment'), ...reading('trueAlignment')],
			tables: [
				measuresTable(
					rows,
					'Each copy of the second organism',
					'After the last step; intervals over questions and seeds.',
					MEASURES,
					linesOf(runs),
				),
				differencesTable(rows, 'Against the plain fine-tune', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'sft')),
				differencesTable(rows, 'Against the base', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'base')),
			],
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const between = (of: string, minus: string) => differenceOf(rows, 'trueAlignment', { run: of }, { run: minus });
	return [
		{ what: 'The plain copy of the second organism ends as good as its base, by true labels', came: asGood(between('sft', 'base')) },
		{ what: 'The copy with its conscience ends below its base, by true labels', came: less(between('ea', 'base')) },
	];
}
