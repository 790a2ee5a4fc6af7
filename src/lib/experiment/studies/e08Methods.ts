import { ARMS, COPIES } from '../methods/index';

import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { figureInWords, sidesOf } from './inWords';
import type { MeasureId } from './measures';
import { FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, TWIN, twinRuns } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'emRate', 'coherence', 'codeRate', 'insecureCodeRate'];

const others = ARMS.filter((arm) => arm !== 'sft' && arm !== 'emergent-alignment').map((arm) => runOf(arm, COPIES[arm].title, arm, TWIN));
const runs = [...twinRuns(), ...others];

/** E8: every method of the lab in one table. */
export const methods: Study = {
	id: 'E8',
	title: 'Every method, side by side',
	asks: 'Emergent Alignment is one way of many to keep a fine-tune from spoiling a model. How do the others do on the same rows?',
	does: 'Every method of the lab on the same base, adapter, rows in the same order, optimizer, steps, judge and decoding, over five seeds. What each costs beside its rows stands in a table of its own.',
	settles: 'A method that is as aligned, learns as much of the code and costs less than a conscience would be the better choice here.',
	limits:
		'Each method has the settings that the lab gives it; none was tuned for this table, and another might do better with others. One organism. No order is read from means whose intervals meet.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const compared = others.map(({ id, label }) => ({
			label,
			difference: differenceOf(rows, 'trueAlignment', { run: id }, { run: 'ea' }),
		}));
		const sides = sidesOf(compared.map(({ difference }) => difference));
		const told = (side: 'above' | 'below' | 'open') =>
			compared
				.filter(({ difference }, i) => difference && sides[i] === side)
				.map(({ label, difference }) => `${label} (${figureInWords(difference)})`);
		const sentence = (found: string[], said: string) => (found.length > 0 ? [`${said}: ${found.join('; ')}.`] : []);
		return {
			readings: [
				...sentence(told('above'), 'More aligned than with a conscience, by true labels'),
				...sentence(told('open'), 'Not to be told from a conscience, by true labels'),
				...sentence(told('below'), 'Less aligned than with a conscience, by true labels'),
				`${compared.length} methods were compared; one is told apart only where its difference holds among so many (Holm’s correction).`,
			],
			tables: [
				measuresTable(rows, 'Each method', 'After the last step; intervals over questions and seeds.', MEASURES, linesOf(runs)),
				differencesTable(rows, 'Against the copy with a conscience', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'ea')),
				measuresTable(
					rows,
					'What they cost',
					'Against plain fine-tuning of the planned steps, so that a copy whose training ended early may cost less; intervals over seeds.',
					['tokenRatio', 'secondRatio', 'calls'],
					linesOf(runs.slice(2)),
				),
			],
			lists: [],
		};
	},
};
