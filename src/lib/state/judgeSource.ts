import { listens } from '$lib/experiment/methods/index';
import { isDropped } from '$lib/model/droppedName';
import { parseHubFolder } from '$lib/model/hubFolder';
import type { JudgeOutlook, JudgeSource } from '$lib/worker/judgeProtocol';

import type { RunSettings } from './runSettings';

/** True when these settings want the judge that has a worker of its own. */
export const wantsWebllm = ({ experiment: { arms, conscience } }: RunSettings): boolean =>
	conscience.judge === 'webllm' && arms.some(listens);

/** Where WebLLM finds the judge's model. The base lies compiled in a folder beside its files, or is on WebLLM's own list. */
export function judgeSourceOf({ experiment: { model, conscience }, checkpointUrl }: RunSettings): JudgeSource {
	const { judgeModel } = conscience;
	switch (kindOfModel(judgeModel)) {
		case 'base':
			return baseSource(model.checkpoint, checkpointUrl);
		case 'folder':
			return { kind: 'folder', url: judgeModel, name: judgeModel };
		case 'listed':
			return { kind: 'listed', id: judgeModel };
	}
}

/** What WebLLM judges with: the model itself, a folder at an address, or a model of its own list. */
export const kindOfModel = (judgeModel: string): 'base' | 'folder' | 'listed' =>
	judgeModel === 'base' ? 'base' : /^https?:/.test(judgeModel) ? 'folder' : 'listed';

/** True when the same judge is wanted outside of the trainers, or none. */
export function sameJudge(a: RunSettings, b: RunSettings): boolean {
	const wanted = (settings: RunSettings) => (wantsWebllm(settings) ? judgeSourceOf(settings) : null);
	return JSON.stringify(wanted(a)) === JSON.stringify(wanted(b));
}

/** The value of `conscience.judgeModel` that names this source. */
export function judgeModelOf(source: JudgeSource, { experiment: { model }, checkpointUrl }: RunSettings): string {
	if (source.kind === 'twin' || sameSource(source, baseSource(model.checkpoint, checkpointUrl))) return 'base';
	return source.kind === 'listed' ? source.id : source.url;
}

/** A model of a hub at one commit, `…/<owner>/<name>/resolve/<commit>`, has nothing compiled beside it: WebLLM's own list may have it. A folder may. */
function baseSource(checkpoint: string, checkpointUrl: string): JudgeSource {
	const ofHub = parseHubFolder(checkpoint);
	if (ofHub) return { kind: 'twin', name: ofHub.id.split('/')[1]! };
	const url = isDropped(checkpoint) ? `${checkpoint}/webllm/` : new URL('webllm/', checkpointUrl).href; // no address is below such a name
	return { kind: 'folder', url, name: checkpoint };
}

/** From so many bytes on a download is the reader's to decide: the organism's own judge has a tenth of them. */
const LARGE = 50e6;

/**
 * True when nothing of the model is fetched before the reader says yes: it is large, or so slow on this adapter that it may not be worth its
 * time, or it comes from another place than the page, as a link could have it.
 */
export const asksFirst = ({ missingBytes, totalBytes, elsewhere, adapter }: JudgeOutlook): boolean =>
	missingBytes > LARGE || (adapter.software && totalBytes > LARGE) || (missingBytes > 0 && elsewhere);

export const sameSource = (a: JudgeSource, b: JudgeSource): boolean => JSON.stringify(a) === JSON.stringify(b);
