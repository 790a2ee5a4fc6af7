import type { Judge } from '$lib/conscience/judge';

import { addCost, type Compared, type Cost, NO_COST } from './agreement';
import type { Judging } from './judging.svelte';
import type { Run } from './run.svelte';
import type { RunSettings } from './runSettings';

/** Answers that both judges read before the other one's turn. */
const BATCH = 20;

/** The two judges that are one model, WebLLM and the frozen copy in the trainer, on the same answers. */
export class Agreement {
	rows = $state.raw<readonly Compared[]>([]);
	cost = $state.raw<{ self: Cost; webllm: Cost }>({ self: NO_COST, webllm: NO_COST });
	/** Answers that are to be read; null while nothing goes on. */
	total = $state<number | null>(null);
	fault = $state<string | null>(null);
	#controller: AbortController | null = null;

	constructor(private judging: Judging) {}

	/** Lets both read `count` answers, one batch after the other. */
	async compare(count: number, run: Run, settings: RunSettings): Promise<void> {
		if (this.total !== null) return;
		const controller = (this.#controller = new AbortController());
		[this.rows, this.cost, this.total, this.fault] = [[], { self: NO_COST, webllm: NO_COST }, count, null];
		try {
			const judge = await this.judging.ask(settings);
			if (!judge)
				this.fault = this.judging.fault?.message ?? null; // else it was cancelled
			else if (await run.open(settings)) await this.#read(count, run, judge, controller.signal);
		} catch (error) {
			if (!controller.signal.aborted) this.fault = (error as Error).message;
		} finally {
			this.total = null;
		}
	}

	async cancel(): Promise<void> {
		this.#controller?.abort();
		await this.judging.cancel();
	}

	async #read(count: number, run: Run, judge: Judge, signal: AbortSignal): Promise<void> {
		for (let batch = 0; this.rows.length < count; batch++) {
			const { exchanges, framework, verdicts, tokens, seconds } = await run.selfJudged({
				count: Math.min(BATCH, count - this.rows.length),
				seed: batch,
			});
			const start = performance.now();
			const theirs = await judge.verdicts(exchanges, framework, signal);
			const took = (performance.now() - start) / 1000;
			const read = exchanges.map((exchange, i) => ({ exchange, self: verdicts[i]!, webllm: theirs.verdicts[i]! }));
			this.rows = [...this.rows, ...read];
			const { self, webllm } = this.cost;
			this.cost = { self: addCost(self, { tokens, seconds }), webllm: addCost(webllm, { tokens: theirs.tokens, seconds: took }) };
		}
	}
}
