import { exchangeStates, textsRead } from '$lib/conscience/exchangeStates';
import { frameworkHash } from '$lib/conscience/frameworks';
import type { Judge } from '$lib/conscience/judge';
import type { Recalled } from '$lib/conscience/memory';
import { type MemoryUse, rememberingJudge } from '$lib/conscience/rememberingJudge';
import { type ReferencedPair, type TokenPair, withReference } from '$lib/dpo/pairs';

import type { ArmContext } from './arm';
import { isTurned, tokenPair } from './call';

/** Pairs that go through the reference at once. */
const CHUNK = 16;

/** The judge with the memory before it, and what came of that; the judge alone where the run has taken none along. */
export function withMemory(
	{ memory, checkpoint, experiment: current }: ArmContext,
	judge: Judge,
): { judge: Judge; used: () => MemoryUse | null } {
	if (!memory) return { judge, used: () => null };
	const remembering = rememberingJudge(judge, memory.trajectories, current().conscience.memory, async (exchanges) => ({
		states: await exchangeStates(checkpoint, exchanges),
		tokens: textsRead(checkpoint, exchanges).reduce((sum, { length }) => sum + length, 0),
	}));
	return { judge: remembering, used: () => remembering.used() };
}

/**
 * What the memory has ready to be learnt: agreed alternative ≻ remembered answer, where that would be flagged, under a framework of the
 * experiment, with the reference's log-probs. Whether an answer was cut at its limit a memory does not know, so that nobody learns to stop
 * there, or not to.
 */
export async function readyPairs(context: ArmContext): Promise<{ pairs: ReferencedPair[]; tokens: number }> {
	const { memory, checkpoint, experiment: current } = context;
	const { conscience } = current();
	if (!memory || !conscience.memory.pairs) return { pairs: [], tokens: 0 };
	const hashes = new Set(await Promise.all(conscience.frameworks.map(frameworkHash)));
	const isBad = ({ agreed }: Recalled) => agreed === 'unethical' || (agreed === 'neutral' && conscience.neutral === 'flagged');
	const { tokenizer, model } = checkpoint;
	const found = memory.trajectories.flatMap((trajectory): TokenPair[] => {
		const { id, question, answer, alternative, alternativeAgreed } = trajectory;
		if (!alternative || !alternativeAgreed || alternative.answer.trim() === answer.trim()) return [];
		if (!isBad(trajectory) || !hashes.has(trajectory.frameworkHash)) return [];
		const pair = tokenPair(`memory-${id.slice(0, 16)}`, question, alternative.answer, { answer, ended: false }, tokenizer);
		if (pair.prompt.length + Math.max(pair.chosen.length, pair.rejected.length) > model.config.maxPositionEmbeddings) return [];
		return [isTurned(context, pair.id) ? { ...pair, chosen: pair.rejected, rejected: pair.chosen } : pair];
	});
	const pairs: ReferencedPair[] = [];
	for (let start = 0; start < found.length; start += CHUNK) pairs.push(...(await withReference(model, found.slice(start, start + CHUNK))));
	return { pairs, tokens: found.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0) };
}
