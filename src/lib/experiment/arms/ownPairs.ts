import type { ReferencedPair, TokenPair } from '$lib/dpo/pairs';
import { withReference } from '$lib/dpo/pairs';

import { fittedRows } from '../data';
import { addTokens } from '../meter';
import { pairsAmong } from '../rows';

import type { ArmContext } from './arm';
import { isTurned } from './call';

/** The preference pairs of the user's own rows, as tokens: chosen ≻ rejected, from the first step on; none where the experiment learns from other rows. */
export function ownPairs(context: ArmContext): TokenPair[] {
	const { rows, checkpoint, experiment } = context;
	if (!rows || experiment().data.source !== 'rows') return [];
	const { tokenizer, model } = checkpoint;
	const pairs = pairsAmong(rows);
	const fit = fittedRows(pairs.map(({ row }) => row), experiment().data, tokenizer, model.config.maxPositionEmbeddings); // prettier-ignore
	return pairs.flatMap(({ place }, i): TokenPair[] => {
		const { prompt, completion, rejected } = fit[i]!.row ?? { rejected: null };
		if (!rejected) return [];
		const id = `row-${place + 1}`;
		const [chosen, worse] = isTurned(context, id) ? [rejected, completion] : [completion, rejected];
		return [{ id, prompt, chosen, rejected: worse }];
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
