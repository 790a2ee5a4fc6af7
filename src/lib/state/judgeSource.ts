import type { JudgeSource } from '$lib/worker/judgeProtocol';

import type { RunSettings } from './runSettings';

/** True when these settings want the judge that has a worker of its own. */
export const wantsWebllm = ({ experiment: { arms, conscience } }: RunSettings): boolean =>
	conscience.judge === 'webllm' && arms.includes('emergent-alignment');

/** Where WebLLM finds the judge's model. The base lies compiled in a folder beside its files. */
export function judgeSourceOf({ experiment: { model, conscience }, checkpointUrl }: RunSettings): JudgeSource {
	const { judgeModel } = conscience;
	if (judgeModel === 'base') return { kind: 'folder', url: new URL('webllm/', checkpointUrl).href, name: model.checkpoint };
	return /^https?:/.test(judgeModel) ? { kind: 'folder', url: judgeModel, name: judgeModel } : { kind: 'listed', id: judgeModel };
}

export const sameSource = (a: JudgeSource, b: JudgeSource): boolean => JSON.stringify(a) === JSON.stringify(b);
