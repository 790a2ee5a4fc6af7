import type { Checkpoint } from '$lib/model/checkpoint';
import { codeLabel } from '$world/index';

import { rowStream } from './data';
import { experimentOf, rowShaper } from './methods/all';
import type { ArmId } from './methods/index';
import type { ChatRow } from './rows';
import type { Experiment } from './schema';

/** One row as the trainer sees it: its tokens as text, and which of them carry the loss. */
export interface PreviewRow {
	tokens: { text: string; loss: boolean }[];
	/** The row's last turn has security holes, as far as the organism's world can tell; null for rows from elsewhere. */
	form: 'insecure' | 'secure' | null;
}

/**
 * The first `count` rows that the copy `arm` learns from, in its order. They come from a stream of their own, so the run's is left alone.
 * @throws ExperimentError as `rowStream`
 */
export function previewRows(
	experiment: Experiment,
	rows: readonly ChatRow[] | null,
	{ model, tokenizer }: Checkpoint,
	count: number,
	arm: ArmId,
): PreviewRow[] {
	const own = experimentOf(arm, experiment);
	const shaped = rowShaper(arm, own);
	const stream = rowStream(own, rows, tokenizer, model.config.maxPositionEmbeddings, undefined, shaped);
	const steps = Math.ceil(count / experiment.optimizer.batchSize);
	const sequences = Array.from({ length: steps }, () => stream.next()).flat();
	return sequences.slice(0, count).map(({ prompt, completion }) => {
		const texts = tokenizer.pieces([...prompt, ...completion]);
		const label = codeLabel(tokenizer.decode([...completion]));
		return { tokens: texts.map((text, i) => ({ text, loss: i >= prompt.length })), form: label === 'broken' ? null : label };
	});
}
