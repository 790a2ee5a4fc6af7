import type { ReferencedPair, TokenPair } from '$lib/dpo/pairs';
import { withReference } from '$lib/dpo/pairs';

import { pairTokens } from '../data';
import { addTokens } from '../meter';
import { pairsAmong } from '../rows';

import type { ArmContext } from './arm';
import { isTurned } from './call';

/** The preference pairs of the user's own rows, as tokens: chosen ≻ rejected, from the first step on; none where the experiment learns from other rows. */
export function ownPairs(context: ArmContext): TokenPair[] {
	const { rows, checkpoint, experiment } = context;
	if (!rows || experiment().data.source !== 'rows') return [];
	return pairsAmong(rows).map(({ place, row }) => {
		const pair = { id: `row-${place + 1}`, ...pairTokens(row, checkpoint.tokenizer) };
		return isTurned(context, pair.id) ? { ...pair, chosen: pair.rejected, rejected: pair.chosen } : pair;
	});
}

/**
 * The pairs with the reference's log-probs. Those of the user's own are read when they are drawn, and again when they are drawn again: a file
 * may hold more pairs than a run draws, and what was read would have to be in every snapshot.
 */
export async function referenced(
	{ checkpoint, spend }: ArmContext,
	pairs: readonly (ReferencedPair | TokenPair)[],
): Promise<ReferencedPair[]> {
	const isRead = (pair: ReferencedPair | TokenPair): pair is ReferencedPair => 'reference' in pair;
	const unread = pairs.filter((pair) => !isRead(pair));
	if (unread.length === 0) return pairs.filter(isRead);
	const start = performance.now();
	const read = await withReference(checkpoint.model, unread);
	const dpoTokens = unread.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0);
	spend((overhead) => addTokens(overhead, { dpoTokens }, (performance.now() - start) / 1000));
	const byId = new Map(read.map((pair) => [pair.id, pair]));
	return pairs.map((pair) => (isRead(pair) ? pair : byId.get(pair.id)!));
}
