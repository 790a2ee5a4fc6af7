import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { bySide, figureInWords, measureInWords } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { asGood, every, type Settled } from './settled';
import { EQUAL_DOSE, FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, twinRuns } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'coherence', 'insecureCodeRate'];

const runs = [...twinRuns(EQUAL_DOSE), runOf('alternatives', 'Good answers only', 'alternatives-only', EQUAL_DOSE)];

/** E6: is it the preference, or only more good text? */
export const alternatives: Study = {
	id: 'E6',
	title: 'Preferences, or only good examples',
	asks: 'The conscience writes good answers. Would it do to learn these like any other row, without being told what they are better than?',
	does: 'Three copies on the same rows: plain, with L_DPO over pairs, and with L_SFT over the same conscience’s alternatives alone. Calls come every ten steps and every fourth step teaches, for both.',
	settles: 'If good answers alone kept a copy as aligned as pairs do, the preference would add nothing, and the method could be simpler.',
	limits:
		'One weight for both (λ 1), although a preference and an example of the same weight pull differently; it was chosen for pairs, on the development questions. What is flagged depends on the copy, so the pairs themselves differ.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const reading = (measure: MeasureId) => {
			const difference = differenceOf(rows, measure, { run: 'alternatives' }, { run: 'ea' });
			const [named, told] = [measureInWords(measure), figureInWords(difference)];
			return bySide(rows, difference, {
				above: `${named}: good answers alone do better than pairs, by ${told} points.`,
				below: `${named}: good answers alone do worse than pairs: ${told} points.`,
				open: `${named}: good answers alone can't be told from pairs: ${told} points.`,
			});
		};
		return {
			readings: [...reading('alignment'), ...reading('trueAlignment')],
			tables: [
				measuresTable(rows, 'Each copy', 'After the last step; intervals over questions and seeds.', MEASURES, linesOf(runs)),
				differencesTable(rows, 'Against pairs', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'ea')),
				measuresTable(
					rows,
					'What they cost',
					'Against plain fine-tuning of the same steps; intervals over seeds.',
					['tokenRatio', 'secondRatio', 'calls'],
					linesOf(runs.slice(2)),
				),
			],
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const differences = (['alignment', 'trueAlignment'] as const).map((measure) =>
		differenceOf(rows, measure, { run: 'alternatives' }, { run: 'ea' }),
	);
	return [
		{
			what: 'Good answers alone keep a copy as aligned as pairs do, by the frozen judge and by true labels',
			came: every(differences.map((difference) => asGood(difference))),
		},
	];
}
