import { type DataPage, type DataView, dataView, type RowReport } from '$lib/experiment/preview';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { ModelConfig } from '$lib/model/config';
import type { Tokenizer } from '$lib/model/tokenizer';

import type { Rows } from './protocol';
import type { Handlers } from './rpc';

/** What may be asked of a worker that holds no run: what a copy would learn from. It needs the model's tokenizer, and none of its weights. */
export interface DataRequests {
	/** Reads the rows as the experiment's model reads them. @throws ExperimentError, CheckpointError, TokenizerError */
	readData: {
		params: { experiment: Experiment; arm: ArmId; rows: Rows | null; checkpointUrl: string };
		result: { report: RowReport | null };
	};
	/** Rows of those that were read last. */
	dataPage: { params: { from: number; count: number; search: string }; result: DataPage };
}

/** Answers about one experiment's rows at a time. */
export function dataHandlers(load: (url: string) => Promise<{ config: ModelConfig; tokenizer: Tokenizer }>): Handlers<DataRequests> {
	let view: DataView | null = null;
	return {
		async readData({ experiment, arm, rows, checkpointUrl }) {
			view = null; // what is shown is what would be learnt, or nothing
			const { config, tokenizer } = await load(checkpointUrl);
			const read = dataView(experiment, arm, rows?.rows ?? null, tokenizer, config.maxPositionEmbeddings);
			view = read;
			return { report: read.report };
		},
		async dataPage({ from, count, search }) {
			if (!view) throw new RangeError('No rows were read yet. Read them first.');
			return view.page(from, count, search);
		},
	};
}
