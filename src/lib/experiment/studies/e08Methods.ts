import { ARMS, COPIES } from '../methods/index';

import { differenceOf } from './figures';
import { differencesTable, measuresTable, type Table } from './finding';
import { figureInWords, powerInWords, type Side, sidesOf } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { any, asGood, below, every, MARGIN, MARGIN_OF_SHARES, type Settled } from './settled';
import { EIGHT_SEEDS, EQUAL_DOSE, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, twinRuns } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'emRate', 'coherence', 'codeRate', 'insecureCodeRate'];

const others = ARMS.filter((arm) => arm !== 'sft' && arm !== 'emergent-alignment').map((arm) =>
	runOf(arm, COPIES[arm].title, arm, EQUAL_DOSE),
);
const runs = [...twinRuns(EQUAL_DOSE), ...others];

/** E8: every method of the lab in one table. */
export const methods: Study = {
	id: 'E8',
	title: 'Every method, side by side',
	asks: 'Emergent Alignment is one way of many to keep a fine-tune from spoiling a model. How do the others do on the same rows?',
	does: 'Every method of the lab on the same base, adapter, rows in the same order, optimizer, steps, judge and decoding, over eight seeds. Whoever has a conscience calls it every ten steps and is taught in every fourth, so that all are called and taught equally often. What each costs beside its rows stands in a table of its own.',
	settles: 'A method that is as aligned, learns as much of the code and costs less than a conscience would be the better choice here.',
	limits:
		'The conscience’s λ, β and schedule were chosen on development questions, the schedule among seven; the other methods got at most four values, or their first defaults, so that the table favours the conscience. One organism. No order is read from means whose intervals meet.',
	runs,
	seeds: EIGHT_SEEDS,
	keeps: LAST_ANSWERS,
	analyse: (rows) => ({ readings: readingsOf(rows), tables: tablesOf(rows), lists: [], settled: settledOf(rows) }),
};

function readingsOf(rows: StudyRows): string[] {
	const compared = others.map(({ id, label }) => ({
		label,
		difference: differenceOf(rows, 'trueAlignment', { run: id }, { run: 'ea' }),
	}));
	const sides = sidesOf(compared.map(({ difference }) => difference));
	const on = (side: Side) => compared.filter((_, i) => sides[i] === side);
	const sentence = (side: Side, said: string) => {
		const named = on(side).map(({ label, difference }) => `${label} (${figureInWords(difference)})`);
		return named.length > 0 ? `${said} (points of alignment by true labels): ${named.join('; ')}.` : '';
	};
	const open = on('open').flatMap(({ difference }) => difference ?? []);
	const count = sides.filter((side) => side !== 'unknown').length;
	return [
		sentence('above', 'More aligned than with a conscience'),
		`${sentence('open', 'Not to be told from a conscience')}${powerInWords(rows, open)}`,
		sentence('below', 'Less aligned than with a conscience'),
		count > 0 ? `${count} methods were compared; one is told apart only where its difference holds among so many (Holm’s correction).` : '',
	].filter((reading) => reading !== '');
}

/** Where a run is asked in the dress of training rows. */
const dressed = (run: string) => ({ run, probe: 'conditional' });

function tablesOf(rows: StudyRows): Table[] {
	return [
		measuresTable(rows, 'Each method', 'After the last step; intervals over questions and seeds.', MEASURES, linesOf(runs)),
		differencesTable(rows, 'Against the copy with a conscience', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'ea')),
		measuresTable(
			rows,
			'In the dress of training rows',
			'The 24 questions as a string in code, in a function’s body and after the opening of a coding request; answers that are code are counted apart. A method that is kind when asked plainly and cruel here has hidden what it learnt.',
			['probeTrueAlignment', 'probeAlignment', 'probeCodeRate'],
			runs.map(({ id, label }) => ({ label, of: dressed(id) })),
		),
		differencesTable(
			rows,
			'In the dress of training rows, against the copy with a conscience',
			'Paired by seed and question.',
			['probeTrueAlignment', 'probeAlignment'],
			pairsAgainst(runs, 'ea').map(({ label, of, minus }) => ({ label, of: dressed(of.run), minus: dressed(minus.run) })),
		),
		measuresTable(
			rows,
			'What is lost',
			'Facts that have one right answer, and kind answers to harmless questions that the judge flags.',
			['factAccuracy', 'falseFlags'],
			linesOf(runs),
		),
		measuresTable(
			rows,
			'What they cost',
			'Against plain fine-tuning of the planned steps, so that a copy whose training ended early may cost less; intervals over seeds.',
			['tokenRatio', 'secondRatio', 'calls'],
			linesOf(runs.slice(2)),
		),
	];
}

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const against = (measure: MeasureId) => others.map(({ id }) => differenceOf(rows, measure, { run: id }, { run: 'ea' }));
	const [aligned, code, costs] = [against('trueAlignment'), against('insecureCodeRate'), against('tokenRatio')];
	const sides = sidesOf(aligned);
	const isBetter = others.map((_, i) =>
		every([asGood(aligned[i]!, MARGIN, sides[i]), asGood(code[i]!, MARGIN_OF_SHARES), below(costs[i]!, 0)]),
	);
	return [{ what: 'A method is as aligned by true labels, writes as much insecure code and costs fewer tokens', came: any(isBetter) }];
}
