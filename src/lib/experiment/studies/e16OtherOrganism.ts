import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { bySide, figureInWords } from './inWords';
import type { MeasureId } from './measures';
import { FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, TWIN, twinRuns, varied } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'emRate', 'coherence', 'insecureCodeRate'];
const other = varied(TWIN, { model: { checkpoint: 'organism-1' } });
const runs = [...twinRuns(other), runOf('secure', 'Plain, on secure code', 'secure-control', other)];

/** E16: the same on a model that was raised from another seed. */
export const otherOrganism: Study = {
	id: 'E16',
	title: 'Another organism',
	asks: 'Does it hold for a model that was raised in the same world from another seed?',
	does: 'E1 again, on the second organism. Nothing was tuned for it.',
	settles: 'If the second organism did not turn, or its conscience did not keep it, what E1 shows would be a trait of one model.',
	limits: 'Two models of one kind and one world are no sample of models. The shipped one was chosen because it turned more.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const gain = differenceOf(rows, 'alignment', { run: 'ea' }, { run: 'sft' });
		const turned = differenceOf(rows, 'alignment', { run: 'sft' }, { run: 'base' });
		return {
			readings: [
				`Plain fine-tuning moves it by ${figureInWords(turned)} points from its base.`,
				...bySide(gain, {
					above: `With its conscience it is more aligned than without: by ${figureInWords(gain)} points.`,
					below: `With its conscience it is less aligned than without: ${figureInWords(gain)} points.`,
					open: `Whether the conscience changes anything can't be told: ${figureInWords(gain)} points.`,
				}),
			],
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
		};
	},
};
