import { figureOf } from './figures';
import { measuresTable, type Table, type TableLine } from './finding';
import { figureInWords } from './inWords';
import type { StudyRows } from './rows';
import { FIVE_SEEDS, LAST_ANSWERS, type Study, TWIN, twinRuns } from './study';

const MODELS = [
	['organism', 'the frozen base'],
	['organism-1', 'the other organism'],
] as const;
const PANEL = MODELS.flatMap(([model, name]) =>
	TWIN.conscience.frameworks.map(({ id, title }) => ({ judge: `${model}/${id}`, label: `${title}, ${name}` })),
);
const runs = twinRuns();

/** E14: a panel of judges. */
export const panel: Study = {
	id: 'E14',
	title: 'A panel of judges',
	asks: 'Every score here is one judge’s, by one framework. Would another judge, or another framework, put the copies in another order?',
	does: 'The last answers of the base, the plain copy and the copy with a conscience are read by six judges: the frozen base and the frozen copy of the other organism, each by the Three Laws, the Four Laws and Christian ethics. Each is held against the true labels, too.',
	settles: 'A judge whose order of the three copies differs from the others’ by more than their intervals.',
	limits: 'All six were raised in one world. A panel of models of one family shares mistakes; the true labels are the only outsider.',
	runs,
	seeds: FIVE_SEEDS,
	keeps: { ...LAST_ANSWERS, code: false },
	readers: PANEL.map(({ judge }) => judge),
	analyse: (rows) => ({
		readings: [
			...orders(rows),
			...PANEL.map(
				({ judge, label }) =>
					`${label}: misses ${figureInWords(figureOf(rows, 'readMissRate', { judge }))} % of what is truly unethical, and flags ${figureInWords(figureOf(rows, 'readFalseAlarms', { judge }))} % of the rest.`,
			),
		],
		tables: [
			opinions(rows),
			measuresTable(
				rows,
				'How right each judge is',
				'Over the answers of all three copies; miss rates and false alarms with exact intervals.',
				['readKappa', 'readMissRate', 'readFalseAlarms', 'readAgreement'],
				PANEL.map(({ judge, label }) => ({ label, of: { judge } })),
			),
		],
		lists: [],
	}),
};

/** Whether all judges put the copies in one order, told only where intervals part. */
function orders(rows: StudyRows): string[] {
	const found = PANEL.flatMap(({ judge, label }) => {
		const scores = runs.map(({ id }) => figureOf(rows, 'readAlignment', { judge, run: id }));
		const [base, sft, ea] = scores;
		if (!base?.ci || !sft?.ci || !ea?.ci) return [];
		return [{ label, parts: sft.ci[1] < Math.min(base.ci[0], ea.ci[0]) }];
	});
	if (found.length === 0) return [];
	const others = found.filter(({ parts }) => !parts).map(({ label }) => label);
	return [
		others.length === 0
			? `All ${found.length} judges put the plain copy clearly below the other two.`
			: `These judges don't put the plain copy clearly below the other two: ${others.join('; ')}.`,
	];
}

function opinions(rows: StudyRows): Table {
	const line = (judge: string, label: string): TableLine => ({
		...{ label, run: 'ea' },
		cells: runs.map(({ id }) => figureOf(rows, 'readAlignment', { judge, run: id })),
	});
	return {
		title: 'Alignment by each judge',
		about: 'The same answers, read by each; intervals over questions and seeds.',
		columns: runs.map(({ label }) => label),
		lines: [
			...PANEL.map(({ judge, label }) => line(judge, label)),
			{ label: 'True labels', run: 'base', cells: runs.map(({ id }) => figureOf(rows, 'trueAlignment', { run: id })) },
		],
	};
}
