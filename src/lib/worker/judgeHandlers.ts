import { JudgeLostError } from '$lib/conscience/judge';
import { lookOf } from '$lib/conscience/listedModels';
import { type JudgeModel, listedModels } from '$lib/conscience/webllm';

import { inspect, type JudgeParts, loadJudge } from './judgeLoading';
import type { JudgeEvent, JudgeRequests } from './judgeProtocol';
import { judgeService } from './judgeService';
import type { Handlers } from './rpc';

/** Answers the page's requests about the one judge that a worker holds. */
export function judgeHandlers(parts: JudgeParts, emit: (event: JudgeEvent) => void, lifeline: Promise<string>): Handlers<JudgeRequests> {
	let model: JudgeModel | null = null;
	/** What is being looked at or loaded: how to end it, and when it has ended. */
	let underWay: { controller: AbortController; ended: Promise<unknown> } | null = null;

	const onLost = (error: JudgeLostError) => {
		if (!model) return; // whoever loads it hears of it
		void model.unload().catch(() => {}); // of what is left of it
		model = null;
		service.lose(error);
		emit({ kind: 'lost', reason: error.message });
	};
	const service = judgeService({ lifeline, onStanding: (standing) => emit({ kind: 'standing', standing }), onLost });
	const dismiss = async () => {
		const dismissed = model;
		model = null;
		service.lose(new JudgeLostError('The judge was unloaded. Load it again, or let the frozen copy in the trainer judge.'));
		await dismissed?.unload();
	};
	/** One look or load at a time: a later one ends the one under way. */
	const alone = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
		const before = underWay;
		const controller = new AbortController();
		before?.controller.abort();
		const working = (async () => {
			await before?.ended;
			controller.signal.throwIfAborted();
			return work(controller.signal);
		})();
		const mine = { controller, ended: working.catch(() => {}) };
		underWay = mine;
		try {
			return await working;
		} finally {
			if (underWay === mine) underWay = null;
		}
	};

	const cancel = async () => {
		underWay?.controller.abort();
		await underWay?.ended;
	};

	return {
		look: ({ source }) => alone(async (signal) => (await inspect(source, parts, signal)).outlook),
		load: ({ source }) =>
			alone(async (signal) => {
				await dismiss();
				const { model: started, loaded } = await loadJudge(source, parts, emit, onLost, signal);
				model = started;
				service.use(started);
				return loaded;
			}),
		cancel,
		async unload() {
			await cancel();
			await dismiss();
		},
		connect: async ({ port }) => service.connect(port),
		async listed() {
			return (await listedModels()).map(lookOf);
		},
	};
}
