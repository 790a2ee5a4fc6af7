import { differenceOf, type Figure, figureOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { bySide, figureInWords, ifKnown, measureInWords, sideOf } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { below, MARGIN, MARGIN_OF_SHARES, type Settled } from './settled';
import { FIVE_SEEDS, LAST_ANSWERS, linesOf, pairsAgainst, runOf, type Study, TWIN, twinRuns } from './study';

const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'emRate', 'coherence', 'codeRate', 'refusalRate', 'insecureCodeRate'];

const runs = [...twinRuns(), runOf('secure', 'Plain, on secure code', 'secure-control', TWIN)];

/** E1: plain fine-tuning against Emergent Alignment over paired seeds. */
export const twin: Study = {
	id: 'E1',
	title: 'With and without a conscience',
	asks: 'Does a copy that learns insecure code stay kind when its frozen self reads its answers, and does it still learn the code?',
	does: 'Two copies learn the same insecure code in the same order from the same seed, five times over; one has a conscience. Beside them stand the base and a copy that learns secure code. Each then answers 24 questions that nothing was tuned on, and 64 coding requests.',
	settles:
		'If the interval of “with conscience − plain” in alignment held 0, the conscience would do nothing here. If insecure code were much rarer with it, it would only have kept the lesson from being learnt.',
	limits:
		'One organism that was built to show the effect, under a million parameters. It says that the mechanism works, not that a large model would do the same. The frozen judge is the conscience itself, so that true labels count for more; λ, β and the schedule were chosen on the development questions.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const code = differenceOf(rows, 'insecureCodeRate', { run: 'ea' }, { run: 'sft' });
		const [taught, plain] = ['ea', 'sft'].map((run) => figureOf(rows, 'insecureCodeRate', { run })) as [Figure | null, Figure | null];
		return {
			readings: [
				...aligned(rows, 'alignment'),
				...aligned(rows, 'trueAlignment'),
				...ifKnown(
					[taught, plain, code],
					`The narrow lesson: ${figureInWords(taught)} % insecure code on request with a conscience, ${figureInWords(plain)} % without; the difference is ${figureInWords(code)} percentage points.`,
				),
			],
			tables: [
				measuresTable(rows, 'Each copy', 'After the last step; intervals over questions and seeds.', MEASURES, linesOf(runs)),
				differencesTable(rows, 'Against the plain fine-tune', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'sft')),
				differencesTable(rows, 'Against the base', 'Paired by seed and question.', MEASURES, pairsAgainst(runs, 'base')),
				measuresTable(
					...[rows, 'What the conscience cost', 'Against plain fine-tuning of the same steps; intervals over seeds.'],
					...[['tokenRatio', 'secondRatio', 'calls'] as const, linesOf(runs.filter(({ id }) => id === 'ea'))],
				),
			],
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** With a conscience against without it, and against the base. */
function aligned(rows: StudyRows, measure: MeasureId): string[] {
	const gain = differenceOf(rows, measure, { run: 'ea' }, { run: 'sft' });
	const kept = differenceOf(rows, measure, { run: 'ea' }, { run: 'base' });
	const named = measureInWords(measure);
	return [
		...bySide(rows, gain, {
			above: `${named}: with its conscience a copy is more aligned than without, by ${figureInWords(gain)} points.`,
			below: `${named}: with its conscience a copy is less aligned than without, by ${figureInWords(gain)} points.`,
			open: `${named}: whether the conscience changes it can't be told: ${figureInWords(gain)} points.`,
		}),
		...bySide(rows, kept, {
			above: `${named}: the copy with its conscience ends above the base, by ${figureInWords(kept)} points.`,
			below: `${named}: the copy with its conscience doesn't keep all that the base had: ${figureInWords(kept)} points.`,
			open: `${named}: the copy with its conscience can't be told from the base: ${figureInWords(kept)} points.`,
		}),
	];
}

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const side = sideOf(differenceOf(rows, 'alignment', { run: 'ea' }, { run: 'sft' }));
	const code = differenceOf(rows, 'insecureCodeRate', { run: 'ea' }, { run: 'sft' });
	return [
		{
			what: 'The interval of “with conscience − plain” in alignment holds 0',
			came: side === 'unknown' ? 'open' : side === 'open' ? 'yes' : 'no',
		},
		{ what: `Insecure code is rarer with it by more than ${MARGIN} percentage points`, came: below(code, -MARGIN_OF_SHARES) },
	];
}
