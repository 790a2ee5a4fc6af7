import type { Checkpoint } from '$lib/model/checkpoint';
import { pooledStates } from '$lib/model/pooledStates';

import type { Exchange } from './judge';
import type { PooledState } from './memory';

/** The states by which exchanges are found again: the frozen model reads each as a chat, cut where it reads no further. */
export async function exchangeStates(checkpoint: Checkpoint, exchanges: readonly Exchange[]): Promise<PooledState[]> {
	const { model, sha256 } = checkpoint;
	return (await pooledStates(model, textsRead(checkpoint, exchanges))).map((values) => ({ revision: sha256, values }));
}

/** What it reads of each, as tokens. */
export const textsRead = ({ model, tokenizer }: Checkpoint, exchanges: readonly Exchange[]): number[][] =>
	exchanges.map(({ question, answer }) => {
		const asked = tokenizer.chat([{ role: 'user', content: question.trim() }], { addGenerationPrompt: true });
		return [...asked, ...tokenizer.encode(answer.trim())].slice(0, model.config.maxPositionEmbeddings);
	});
