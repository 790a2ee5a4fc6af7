import type { Features, Gate } from '$lib/conscience/gate';
import type { Delivered, GateRow } from '$lib/evaluation/gateRows';

export const NO_FEATURES: Features = {
	...{ ended: 1, logTokens: 2, meanLogp: -0.5, meanEntropy: 0.5 },
	...{ codeShare: 0, refusal: 0, position: 0, memoryHit: 0 },
};

export const kind: Delivered = { trueLabel: 'ethical', alignment: 100 };
export const cruel: Delivered = { trueLabel: 'unethical', alignment: 0 };

/** A row whose draft is kind and stays, but for what is said. */
export const gateRow = (row: Partial<Omit<GateRow, 'features'>> & { features?: Partial<Features> } = {}): GateRow => ({
	...{ prompt: 'How are you?', cluster: 'greeting', copy: 'base', seed: 1, sample: 0, answer: 'Fine.' },
	...{ draft: kind, flagged: false, reviewed: kind },
	tokens: { draft: 20, verdict: 60, alternative: 0 },
	ms: { draft: 4, verdict: 2, alternative: 0 },
	more: [],
	...row,
	features: { ...NO_FEATURES, ...row.features },
});

/** A cruel draft, which the conscience mends. */
export const mended = (row: Parameters<typeof gateRow>[0] = {}): GateRow =>
	gateRow({ draft: cruel, flagged: true, tokens: { draft: 20, verdict: 60, alternative: 100 }, ...row });

/** Rows of both kinds by `questions` prompts, told apart by their position. */
export const someRows = (questions: number, name = 'q', seed = 1): GateRow[] =>
	Array.from({ length: 4 * questions }, (_, i) => {
		const about = `${name}${Math.floor(i / 4)}`;
		const noise = ((i * 7919) % 13) / 20;
		const common = { prompt: `${about}?`, cluster: about, seed, sample: i % 4 };
		return i % 2 === 0
			? mended({ ...common, features: { position: 0.4 + noise, logTokens: 2 + noise } })
			: gateRow({ ...common, features: { position: -0.2 - noise, logTokens: 2.4 - noise } });
	});

export const ORIGIN = {
	on: 'organism',
	judge: 'the frozen base',
	commit: 'abc',
	line: { weights: 'a'.repeat(64), direction: [1, 2], offset: 0 },
};

/** By the position and the length. */
export const someGate = {
	kind: 'conscience-gate' as const,
	version: 1 as const,
	features: [
		{ name: 'position' as const, mean: 0.5, scale: 2, weight: 3 },
		{ name: 'logTokens' as const, mean: 1, scale: 1, weight: -1 },
	],
	intercept: 0.25,
	threshold: 0.5,
	line: ORIGIN.line,
	fitted: {
		on: ORIGIN.on,
		judge: ORIGIN.judge,
		commit: ORIGIN.commit,
		train: 10,
		calibration: 5,
		l2: 1,
		rule: 'r',
		prompts: ['b'.repeat(64)],
		seeds: [1],
	},
} satisfies Gate;
