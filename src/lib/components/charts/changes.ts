import { listens } from '$lib/experiment/methods/index';
import type { MidRunChange } from '$lib/experiment/events';
import type { Change } from '$lib/experiment/live';
import type { ShownRun } from '$lib/state/record.svelte';

import { ARM_LOOKS } from '../arms';
import type { VerticalMark } from '../chart';
import { JUDGES } from '../judges';

/** What can change while a run goes on: the names of the experiment's cards, in as few words as fit on a chart. */
const NAMES: Readonly<Record<string, string>> = {
	'optimizer.learningRate': 'learning rate',
	'conscience.judge': 'judge',
	'conscience.judgeModel': 'the judge’s model',
	'conscience.lambda': 'λ',
	'conscience.beta': 'β',
	'conscience.loss': 'loss',
	'conscience.labelSmoothing': 'label smoothing',
	'conscience.cadence.kind': 'cadence',
	'conscience.cadence.every': 'gap between calls',
	'conscience.cadence.first': 'gap to begin with',
	'conscience.cadence.shortest': 'shortest gap',
	'conscience.cadence.longest': 'longest gap',
	'conscience.cadence.raiseAt': 'share that alarms it',
	'conscience.promptsPerCall': 'questions in a call',
	'conscience.triggered': 'questions with the trigger',
	'conscience.threshold': 'threshold',
	'conscience.neutral': 'neutral answers',
	'conscience.dpoEvery': 'steps between lessons',
	'conscience.lag': 'time to read',
	'conscience.dpoRestBelow': 'loss at which a lesson is known',
	'conscience.pairsPerStep': 'pairs in a lesson',
	'conscience.bufferSize': 'memory',
	'conscience.sampling.temperature': 'temperature',
	'conscience.sampling.topP': 'top-p',
	'conscience.sampling.maxNewTokens': 'longest answer',
};

const WORDS: Readonly<Record<string, string>> = {
	...Object.fromEntries(Object.entries(JUDGES).map(([judge, { name }]) => [judge, name])),
	base: 'the model itself',
	fixed: 'by the clock',
	adaptive: 'by need',
	passes: 'pass',
	flagged: 'are flagged',
};

/** One change of the experiment, e.g. "λ 1 → 0.2". */
export function changeInWords({ path, from, to }: Change): string {
	if (path === 'conscience.frameworks') return frameworksInWords(titles(from), titles(to));
	if (path === 'conscience.verdictFile')
		return `other verdicts (${[from, to].map((digest) => String(digest).slice(0, 8) || 'none').join(' → ')})`;
	return `${NAMES[path] ?? path.split('.').at(-1)} ${valueInWords(from)} → ${valueInWords(to)}`;
}

function valueInWords(value: unknown): string {
	if (typeof value === 'string') return WORDS[value] ?? value;
	return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '–';
}

const titles = (frameworks: unknown): string[] =>
	(Array.isArray(frameworks) ? (frameworks as { title: string }[]) : []).map(({ title }) => title);

function frameworksInWords(from: readonly string[], to: readonly string[]): string {
	const added = to.filter((title) => !from.includes(title)).map((title) => `+ ${title}`);
	const removed = from.filter((title) => !to.includes(title)).map((title) => `− ${title}`);
	return added.length + removed.length > 0 ? `framework ${[...removed, ...added].join(', ')}` : 'framework reworded';
}

/** A cadence of another kind has other fields, and a judge of another kind its own file: the kind says it. */
function telling(changes: readonly Change[]): readonly Change[] {
	const isChanged = (changed: string) => changes.some(({ path }) => path === changed);
	const [cadence, judge] = [isChanged('conscience.cadence.kind'), isChanged('conscience.judge')];
	return changes.filter(
		({ path }) =>
			!(cadence && path.startsWith('conscience.cadence.') && path !== 'conscience.cadence.kind') &&
			!(judge && path === 'conscience.verdictFile'),
	);
}

/** All that was changed on the way, e.g. "λ 1 → 0.2 after step 20; framework reworded after step 31". Empty where nothing was. */
export const changesInWords = (changes: readonly MidRunChange[]): string =>
	changes.map(({ step, changes: atOnce }) => `${telling(atOnce).map(changeInWords).join(', ')} after step ${step}`).join('; ');

/** A line for each change of the experiment while these runs went on. A copy without a conscience isn't touched by what is changed about it. */
export function changeMarks(runs: readonly ShownRun[]): VerticalMark[] {
	const marks = new Map<string, { x: number; label: string; copies: string[] }>();
	for (const { arm, record } of runs) {
		for (const { step, changes } of record.changes) {
			const touching = changes.filter(({ path }) => listens(arm) || !path.startsWith('conscience.'));
			if (touching.length === 0) continue;
			const label = telling(touching).map(changeInWords).join(', ');
			const mark = marks.get(`${step} ${label}`) ?? { x: step, label, copies: [] };
			marks.set(`${step} ${label}`, { ...mark, copies: [...mark.copies, ARM_LOOKS[arm].inWords] });
		}
	}
	return [...marks.values()]
		.sort((a, b) => a.x - b.x)
		.map(({ x, label, copies }) => ({ x, label, title: `Changed after step ${x}, for ${copies.join(' and ')}: ${label}.` }));
}
