import { differenceOf, figureOf } from './figures';
import { measuresTable } from './finding';
import { figureInWords, sideOf } from './inWords';
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
			readings: noisy.map(({ id, title }) => {
				const worse = NOISE.slice(1).find(
					(noise) => sideOf(differenceOf(rows, 'trueAlignment', { run: idOf(id, noise) }, { run: idOf(id, 0) })) === 'below',
				);
				const [most] = NOISE.slice(-1) as [number];
				const end = `with ${100 * most} % turned it ends at ${figureInWords(figureOf(rows, 'trueAlignment', { run: idOf(id, most) }))}`;
				return worse === undefined
					? `${title}: at no share is it clearly less aligned than without noise; ${end}.`
					: `${title}: from ${Math.round(100 * worse)} % on it is clearly less aligned than without noise; ${end}.`;
			}),
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
		};
	},
};
