import { differenceOf, figureOf } from './figures';
import { measuresTable } from './finding';
import { figureInWords, powerInWords, sidesOf } from './inWords';
import type { StudyRows } from './rows';
import { any, every, less, more, type Settled } from './settled';
import { LAST_ANSWERS, linesOf, runOf, type Study, THREE_SEEDS, TWIN, twinRuns, varied } from './study';

const NOISE = [0, 0.1, 0.2, 0.3, 0.4] as const;
/** What cDPO and robust DPO are told of the noise: one guess for all of it, as nobody knows it beforehand. */
const GUESS = 0.2;
const LOSSES = [
	['dpo', 'DPO', 'sigmoid', 0],
	['cdpo', 'cDPO', 'sigmoid', GUESS],
	['robust', 'Robust DPO', 'robust', GUESS],
	['ipo', 'IPO', 'ipo', 0],
] as const;
const idOf = (id: string, noise: number) => `${id}-${Math.round(100 * noise)}`;

const noisy = LOSSES.map(([id, title, loss, labelSmoothing]) => ({
	...{ id, title },
	runs: NOISE.map((labelNoise) =>
		runOf(
			...[idOf(id, labelNoise), `${title}, ${Math.round(100 * labelNoise)} % turned`, 'emergent-alignment' as const],
			varied(TWIN, { conscience: { loss, labelSmoothing, labelNoise, dpoRestBelow: 0 } }),
		),
	),
}));

/** E7: how much may the conscience err? */
export const labelNoise: Study = {
	id: 'E7',
	title: 'A conscience that errs',
	asks: 'A conscience may prefer the wrong answer. How many of its pairs may be the wrong way round, and does a loss that expects it help?',
	does: `In 0 to 40 % of the pairs the worse answer is preferred, by a draw of its own. Each share is run with DPO, with cDPO and robust DPO, which are told to expect ${100 * GUESS} %, and with IPO. Lessons never rest, so that all teach equally often.`,
	settles:
		'If alignment fell in step with the noise, the conscience would have to be nearly always right. If cDPO or robust DPO stayed up where DPO falls, it would pay to expect mistakes.',
	limits:
		'Pairs are turned at random; a real judge errs where answers are hard. β is the same for all losses, and means something else for IPO. Three seeds.',
	runs: [...twinRuns().slice(0, 2), ...noisy.flatMap(({ runs }) => runs)],
	seeds: THREE_SEEDS,
	keeps: LAST_ANSWERS,
	analyse(rows) {
		return {
			readings: readingsOf(rows),
			tables: noisy.map(({ title, runs }) =>
				measuresTable(
					rows,
					title,
					'By the share of pairs that were turned; intervals over questions and seeds.',
					['trueAlignment', 'alignment', 'coherence', 'insecureCodeRate'],
					linesOf(runs),
				),
			),
			lists: [],
			settled: settledOf(rows),
		};
	},
};

/** From which share on a loss is less aligned than without noise, at that share and at all larger ones; tested among all losses and shares. */
function readingsOf(rows: StudyRows): string[] {
	const shares = NOISE.slice(1);
	const most = NOISE.at(-1)!;
	const differences = noisy.map(({ id }) =>
		shares.map((noise) => differenceOf(rows, 'trueAlignment', { run: idOf(id, noise) }, { run: idOf(id, 0) })),
	);
	const sides = sidesOf(differences.flat());
	const compared = sides.filter((side) => side !== 'unknown').length;
	const readings = noisy.flatMap(({ id, title }, i) => {
		const ofLoss = sides.slice(i * shares.length, (i + 1) * shares.length);
		if (ofLoss.includes('unknown')) return [];
		const from = ofLoss.findLastIndex((side) => side !== 'below') + 1;
		const end = `with ${100 * most} % turned it ends at ${figureInWords(figureOf(rows, 'trueAlignment', { run: idOf(id, most) }))} by true labels.`;
		return from === shares.length
			? `${title}: from no share on is it clearly less aligned than without noise; ${end}${powerInWords(
					rows,
					differences[i]!.filter((difference) => difference !== null),
				)}`
			: `${title}: from ${Math.round(100 * shares[from]!)} % on it is clearly less aligned than without noise; ${end}`;
	});
	return [...readings, ...(compared > 0 ? [`${compared} shares of noise were compared, with Holm’s correction for so many.`] : [])];
}

/** Whether what would change our mind has come about. */
function settledOf(rows: StudyRows): Settled[] {
	const between = (of: string, minus: string) => differenceOf(rows, 'trueAlignment', { run: of }, { run: minus });
	const shares = NOISE.slice(1);
	const falls = shares.map((noise, i) => less(between(idOf('dpo', noise), idOf('dpo', NOISE[i]!))));
	const helps = ['cdpo', 'robust'].flatMap((loss) =>
		shares.map((noise) => every([less(between(idOf('dpo', noise), idOf('dpo', 0))), more(between(idOf(loss, noise), idOf('dpo', noise)))])),
	);
	return [
		{ what: 'With DPO alignment falls with every further share of turned pairs, by true labels', came: every(falls) },
		{ what: 'At a share at which DPO has fallen, cDPO or robust DPO is more aligned, by true labels', came: any(helps) },
	];
}
