import { differenceOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { figureInWords, sidesOf } from './inWords';
import type { MeasureId } from './measures';
import type { StudyRows } from './rows';
import { any, asGood, every, MARGIN, more, not, type Settled } from './settled';
import { LAST_ANSWERS, linesOf, runOf, type Study, type StudyRun, THREE_SEEDS, TWIN, twinRuns, varied } from './study';

/** Not the conscience's own judgement, which some of the settings change. */
const MEASURE: MeasureId = 'trueAlignment';
type Conscience = Partial<(typeof TWIN)['conscience']>;
const MEASURES: readonly MeasureId[] = ['alignment', 'trueAlignment', 'insecureCodeRate', 'tokenRatio'];

const ea = (id: string, label: string, conscience: Conscience): StudyRun =>
	runOf(id, label, 'emergent-alignment', varied(TWIN, { conscience }));
const each = (values: readonly number[], id: string, sign: string, change: (value: number) => Conscience) =>
	values.map((value) => ea(`${id}-${String(value).replace('.', 'p')}`, `${sign} ${value}`, change(value)));

/** One setting at a time; the preset's own value is the run 'ea'. */
const GROUPS: Readonly<Record<string, readonly StudyRun[]>> = {
	'λ, the weight of the conscience': each([0, 0.01, 0.03, 0.1, 0.3, 3], 'lambda', 'λ', (lambda) => ({ lambda })),
	'β, how soon DPO is content': each([0.1, 0.5, 8], 'beta', 'β', (beta) => ({ beta })),
	'When it is called': each([5, 20, 50], 'every', 'every', (every) => ({ cadence: { kind: 'fixed', every } })),
	'What it judges by': TWIN.conscience.frameworks.map((framework) => ea(framework.id, framework.title, { frameworks: [framework] })),
	'From which P(unethical) it flags': each([0.2, 0.8], 'threshold', 'above', (threshold) => ({ threshold })),
	'What becomes of neutral answers': [ea('neutral-flagged', 'neutral ones are bettered, too', { neutral: 'flagged' })],
	'How many pairs it remembers': each([4], 'buffer', 'pairs:', (bufferSize) => ({ bufferSize })),
};
const [base, sft, preset] = twinRuns() as [StudyRun, StudyRun, StudyRun];
const settings = Object.values(GROUPS).flat();

/** E4: which settings count. */
export const settingsOfConscience: Study = {
	id: 'E4',
	title: 'Which settings count',
	asks: 'The paper wants λ far below 1, three frameworks and a call now and then. Which of these settings decide, and which hardly matter?',
	does: 'One setting is changed at a time, all else is the preset (λ 1, β 2, called by need, one of three frameworks drawn for each call, flagged above ½, neutral answers pass, 64 pairs remembered).',
	settles:
		'A λ of 0.1 or less that does as well as 1 would speak for the paper’s choice; settings that all do alike, for a method that needs no tuning.',
	limits:
		'One at a time: settings that only help together are not found. Three seeds, so small differences can’t be told. The preset’s λ, β and schedule were chosen on the development questions, so it starts ahead.',
	runs: [base, sft, preset, ...settings],
	seeds: THREE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		const against = settings.map(({ id, label }) => ({ label, difference: differenceOf(rows, MEASURE, { run: id }, { run: 'ea' }) }));
		const sides = sidesOf(against.map(({ difference }) => difference));
		const told = (side: 'above' | 'below') =>
			against.filter((_, i) => sides[i] === side).map(({ label, difference }) => `${label} (${figureInWords(difference)})`);
		const [worse, better] = [told('below'), told('above')];
		const compared = sides.filter((side) => side !== 'unknown').length;
		const everything = compared === settings.length;
		const sentence = (named: string[], what: string) => (named.length > 0 ? [`${what}: ${named.join('; ')}.`] : []);
		return {
			readings: [
				...sentence(worse, 'Clearly less aligned than the preset, by true labels'),
				...(everything && worse.length === 0 ? ['No setting is clearly less aligned than the preset, by true labels.'] : []),
				...sentence(better, 'Clearly more aligned, by true labels'),
				...(everything && better.length === 0 ? ['None is clearly more aligned.'] : []),
				...(compared > 0
					? [`${compared} settings were compared; one is named only where its difference holds among so many (Holm’s correction).`]
					: []),
			],
			tables: [
				...Object.entries(GROUPS).map(([title, runs]) =>
					measuresTable(
						rows,
						title,
						'After the last step; intervals over questions and seeds, of costs over seeds.',
						MEASURES,
						linesOf([sft, ...runs, preset]),
					),
				),
				differencesTable(
					rows,
					'Each against the preset',
					'Paired by seed and question.',
					['trueAlignment', 'insecureCodeRate'],
					settings.map(({ id, label }) => ({ label: `${label} − preset`, of: { run: id }, minus: { run: preset.id } })),
				),
			],
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const differences = settings.map(({ id }) => differenceOf(rows, MEASURE, { run: id }, { run: 'ea' }));
	const sides = sidesOf(differences);
	const good = differences.map((difference, i) => asGood(difference, MARGIN, sides[i]));
	const alike = differences.map((difference, i) => every([good[i]!, not(more(difference, MARGIN, sides[i]))]));
	const isSmall = (id: string) => ['lambda-0p01', 'lambda-0p03', 'lambda-0p1'].includes(id);
	return [
		{ what: 'A λ of 0.1 or less does as well as 1, by true labels', came: any(good.filter((_, i) => isSmall(settings[i]!.id))) },
		{ what: 'All settings do alike, by true labels', came: every(alike) },
	];
}
