import { JudgeLostError } from '$lib/conscience/judge';
import { lookOf } from '$lib/conscience/listedModels';
import { type JudgeModel, listedModels } from '$lib/conscience/webllm';

import { inspect, type JudgeParts, loadJudge } from './judgeLoading';
import type { JudgeEvent, JudgeRequests } from './judgeProtocol';
import { judgeService } from './judgeService';
import { oneAtATime } from './oneAtATime';
import type { Handlers } from './rpc';

/** Answers the page's requests about the one judge that a worker holds. */
export function judgeHandlers(parts: JudgeParts, emit: (event: JudgeEvent) => void, lifeline: Promise<string>): Handlers<JudgeRequests> {
	let model: JudgeModel | null = null;
	/** One look or load at a time. */
	const alone = oneAtATime();

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

	return {
		look: ({ source }) => alone.begin(async (signal) => (await inspect(source, parts, signal)).outlook),
		load: ({ source }) =>
			alone.begin(async (signal) => {
				await dismiss();
				const { model: started, loaded } = await loadJudge(source, parts, emit, onLost, signal);
				model = started;
				service.use(started);
				return loaded;
			}),
		cancel: () => alone.cancel(),
		async unload() {
			await alone.cancel();
			await dismiss();
		},
		connect: async ({ port }) => service.connect(port),
		async listed() {
			return (await listedModels()).map(lookOf);
		},
	};
}
