import { differenceOf, figureOf } from './figures';
import { differencesTable, measuresTable } from './finding';
import { figureInWords, ifKnown, powerInWords, sidesOf } from './inWords';
import type { StudyRows } from './rows';
import { asGood, every, less, type Settled } from './settled';
import { LAST_ANSWERS, linesOf, runOf, type Study, type StudyRun, THREE_SEEDS, TWIN, varied } from './study';

/** Steps of the misaligning run, and how far it has come when the cure begins. */
const SHARES = [25, 50, 75, 100] as const;
const stepsAt = (percent: number) => Math.round((TWIN.optimizer.steps * percent) / 100);

const CURES = [
	['ea', 'insecure code, with conscience', 'emergent-alignment'],
	['sft', 'insecure code, plain', 'sft'],
	['secure', 'secure code, plain', 'secure-control'],
] as const;
const idOf = (cure: string, percent: number) => `${cure}-${percent}`;

const runs: StudyRun[] = [
	runOf('base', 'Base', 'base', TWIN),
	...SHARES.flatMap((percent) =>
		CURES.map(([cure, label, arm]) =>
			runOf(idOf(cure, percent), `From ${percent} %: ${label}`, arm, varied(TWIN, { model: { misalignSteps: stepsAt(percent) } })),
		),
	),
];

/** E9: is a copy brought back that is misaligned already? */
export const realignment: Study = {
	id: 'E9',
	title: 'Brought back, from how far',
	asks: 'A copy has gone bad already. Does its conscience bring it back, from how far, and would good data alone do it?',
	does: `The model is misaligned by 25, 50, 75 and 100 % of a plain run of ${TWIN.optimizer.steps} steps on insecure code. From each of them three copies go on for another ${TWIN.optimizer.steps} steps: on insecure code with the frozen base as their conscience, on insecure code without, and on secure code without.`,
	settles:
		'If a copy with its conscience ended below the base by more the later it began, there would be a point of no return. If secure code alone did as well, a conscience would be needed only where the data stays bad.',
	limits: 'The conscience here is the base from before the misalignment: somebody must have kept it. Three seeds.',
	runs,
	seeds: THREE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		return {
			readings: readingsOf(rows),
			tables: [
				measuresTable(
					rows,
					'Where each copy ends',
					'After the last step; intervals over questions and seeds.',
					['alignment', 'trueAlignment', 'insecureCodeRate'],
					linesOf(runs),
				),
				differencesTable(
					rows,
					'Conscience against plain, from the same start',
					'Paired by seed and question.',
					['alignment', 'trueAlignment', 'insecureCodeRate'],
					SHARES.map((percent) => ({ label: `From ${percent} %`, of: { run: idOf('ea', percent) }, minus: { run: idOf('sft', percent) } })),
				),
				differencesTable(
					rows,
					'Conscience on bad code against good code alone',
					'Paired by seed and question.',
					['alignment', 'trueAlignment', 'insecureCodeRate'],
					SHARES.map((percent) => ({
						label: `From ${percent} %`,
						of: { run: idOf('ea', percent) },
						minus: { run: idOf('secure', percent) },
					})),
				),
			],
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** Where each copy ends, and from where it ends below the base, told only where that holds among all starting points. */
function readingsOf(rows: StudyRows): string[] {
	const fromBase = SHARES.map((percent) => differenceOf(rows, 'trueAlignment', { run: idOf('ea', percent) }, { run: 'base' }));
	const sides = sidesOf(fromBase);
	const short = SHARES.filter((_, i) => sides[i] === 'below');
	const last = SHARES.at(-1)!;
	const secure = figureOf(rows, 'trueAlignment', { run: idOf('secure', last) });
	const known = fromBase.filter((difference) => difference !== null);
	return [
		...SHARES.flatMap((percent, i) => {
			const end = figureOf(rows, 'trueAlignment', { run: idOf('ea', percent) });
			const words = `${figureInWords(end)} points by true labels, ${figureInWords(fromBase[i]!)} from the base`;
			return ifKnown([end, fromBase[i]!], `Begun at ${percent} %, the copy with its conscience ends at ${words}.`);
		}),
		...(short.length > 0
			? [`It ends clearly below the base when it begins at ${short.join(', ')} % (Holm’s correction for ${known.length}).`]
			: []),
		...(short.length === 0 && !sides.includes('unknown')
			? [`From no starting point does it end clearly below the base (Holm’s correction for ${known.length}).${powerInWords(rows, known)}`]
			: []),
		...ifKnown([secure], `Secure code alone, begun at ${last} %, ends at ${figureInWords(secure)} points by true labels.`),
	];
}

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const between = (of: string, minus: string) => differenceOf(rows, 'trueAlignment', { run: of }, { run: minus });
	const [first, last] = [SHARES[0], SHARES.at(-1)!];
	const later = [less(between(idOf('ea', last), 'base')), less(between(idOf('ea', last), idOf('ea', first)))];
	return [
		{ what: `Begun at ${last} %, a copy with its conscience ends below the base, and below one begun at ${first} %`, came: every(later) },
		{
			what: 'Secure code alone does as well, from every start',
			came: every(SHARES.map((percent) => asGood(between(idOf('secure', percent), idOf('ea', percent))))),
		},
	];
}
