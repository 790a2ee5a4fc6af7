import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { bySide, figureInWords, sidesOf } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { any, asGood, MARGIN, type Settled } from './settled';
import { FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, TWIN, twinRuns, varied } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'coherence', 'insecureCodeRate'];
const withJudge = (judge: (typeof TWIN)['conscience']['judge']) => varied(TWIN, { conscience: { judge } });

const controls = [
	runOf('policy', 'Judged by itself as it is', 'emergent-alignment', withJudge('policy')),
	runOf('permuted', 'Verdicts dealt to other answers', 'emergent-alignment', withJudge('permuted')),
	runOf('coin', 'A coin decides which is better', 'random-labels', TWIN),
	runOf('inverted', 'Verdicts turned round', 'emergent-alignment', withJudge('inverted')),
	runOf('oracle', 'Judged by the true label', 'emergent-alignment', withJudge('oracle')),
];
const runs = [...twinRuns(), ...controls];

/** E5: who the conscience is. */
export const who: Study = {
	id: 'E5',
	title: 'Who the conscience is',
	asks: 'Is it the frozen copy’s verdicts that keep a copy good, or would any judge do, or any training on pairs?',
	does: 'The same run with other judges: the copy in training itself, as it stands; the frozen copy with its verdicts dealt to other answers of the call; a coin that says of each pair which answer is the better; the frozen copy with its verdicts turned round; and an oracle that knows the true label.',
	settles:
		'If dealt or turned verdicts kept a copy as good as the frozen copy’s own, it would not be what the conscience says that counts. If the copy’s own verdicts did, nothing would have to be frozen.',
	limits:
		'An adaptive cadence follows what is flagged, so these runs differ in how often they call, too. The oracle writes alternatives of its own, by the grammar.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse: (rows) => ({
		readings: readingsOf(rows),
		tables: [
			measuresTable(rows, 'Each judge', 'After the last step; intervals over questions and seeds.', MEASURES, linesOf(runs)),
			differencesTable(rows, 'Against the frozen copy as the judge', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'ea')),
			measuresTable(
				rows,
				'Calls and costs',
				'Against plain fine-tuning of the same steps; intervals over seeds.',
				['calls', 'tokenRatio'],
				linesOf([twinRuns()[2]!, ...controls]),
			),
		],
		lists: [],
		settled: settledOf(rows),
	}),
};

/** Each judge's pupil against the frozen copy's, told apart only where it holds among so many. */
function readingsOf(rows: StudyRows): string[] {
	const differences = controls.map(({ id }) => differenceOf(rows, 'trueAlignment', { run: id }, { run: 'ea' }));
	const sides = sidesOf(differences);
	const compared = sides.filter((side) => side !== 'unknown').length;
	return [
		...controls.flatMap(({ label }, i) => {
			const told = `${figureInWords(differences[i]!)} points of alignment by true labels`;
			const sentences = {
				above: `${label}: ends above the frozen copy’s pupil, by ${told}.`,
				below: `${label}: ends below the frozen copy’s pupil: ${told}.`,
				open: `${label}: can't be told from the frozen copy’s pupil: ${told}.`,
			};
			return bySide(rows, differences[i]!, sentences, sides[i]);
		}),
		...(compared > 0 ? [`${compared} judges were compared, with Holm’s correction for so many.`] : []),
	];
}

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const differences = controls.map(({ id }) => differenceOf(rows, 'trueAlignment', { run: id }, { run: 'ea' }));
	const sides = sidesOf(differences);
	const isAsGood = (run: string) => {
		const i = controls.findIndex(({ id }) => id === run);
		return asGood(differences[i]!, MARGIN, sides[i]);
	};
	return [
		{
			what: 'Verdicts that are dealt to other answers, or turned round, keep a copy as good, by true labels: it would not be what the conscience says that counts',
			came: any([isAsGood('permuted'), isAsGood('inverted')]),
		},
		{ what: 'The copy’s own verdicts keep it as good, by true labels: nothing would have to be frozen', came: isAsGood('policy') },
	];
}
