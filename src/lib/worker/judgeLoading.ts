import { JudgeLostError } from '$lib/conscience/judge';
import {
	checkFit,
	type JudgeAdapter,
	judgeAdapter,
	JudgeFitError,
	type JudgePlan,
	planFolder,
	planListed,
} from '$lib/conscience/judgePlan';
import { listedTwin, twinInWords } from '$lib/conscience/listedModels';
import { type JudgeModel, listedModels, loadWebllm } from '$lib/conscience/webllm';
import { findAdapter, type FoundAdapter } from '$lib/model/gpuAdapter';
import { isDropped } from '$lib/model/droppedName';
import { DownloadError, MissingFileError } from '$lib/storage/fileErrors';
import type { ModelFiles } from '$lib/storage/modelFiles';

import type { JudgeEvent, JudgeOutlook, JudgeSource, LoadedJudge } from './judgeProtocol';
import { openInTurn } from './openInTurn';

/** What a judge is made with; the parts beside the files are for tests. */
export interface JudgeParts {
	files: Pick<ModelFiles, 'open' | 'missing' | 'kept'>;
	find?: () => Promise<FoundAdapter | null>;
	start?: typeof loadWebllm;
}

interface Prepared {
	plan: JudgePlan;
	outlook: JudgeOutlook;
}

/** What the model needs of this machine, from its smallest files. @throws JudgeFolderError, JudgeFitError, and as files do */
export async function inspect(source: JudgeSource, { files, find = findAdapter }: JudgeParts, signal: AbortSignal): Promise<Prepared> {
	const found = await find();
	if (!found)
		throw new JudgeFitError('This browser offers no WebGPU, which WebLLM needs. Let the frozen copy in the trainer judge: it needs none.');
	const adapter = judgeAdapter(found);
	const plan = await planOf(source, adapter, files, signal);
	const fits = checkFit(plan, adapter);
	const fit = source.kind === 'twin' ? `${fits} ${twinInWords(plan.identity.model)}` : fits;
	const missingBytes = await files.missing(plan.files);
	signal.throwIfAborted();
	const totalBytes = plan.files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
	const sizesKnown = plan.files.every(({ bytes }) => bytes !== null);
	const hosts = [...new Set(plan.files.map(({ url }) => new URL(url).host))];
	const elsewhere = hosts.some((host) => host !== globalThis.location?.host);
	return {
		plan,
		outlook: { identity: plan.identity, adapter, fit, totalBytes, missingBytes, sizesKnown, hosts, elsewhere, kept: files.kept },
	};
}

/** Fetches what is missing and starts the model. @throws as `inspect`, and JudgeError, JudgeLostError, and the signal's reason */
export async function loadJudge(
	source: JudgeSource,
	parts: JudgeParts,
	emit: (event: JudgeEvent) => void,
	onLost: (error: JudgeLostError) => void,
	signal: AbortSignal,
): Promise<{ model: JudgeModel; loaded: LoadedJudge }> {
	const { files, start = loadWebllm } = parts;
	const begun = performance.now();
	const { plan, outlook } = await inspect(source, parts, signal);
	const blobs = await openInTurn(plan.files, files, (standing) => emit({ kind: 'files', ...standing }), { signal });
	const named = new Map(plan.files.map(({ name }, i) => [name, blobs[i]!]));
	emit({ kind: 'engine', share: 0 });
	const onProgress = (share: number) => emit({ kind: 'engine', share });
	const model = await start(plan, async (name) => named.get(name)!, { onProgress, onLost });
	if (signal.aborted) await model.unload();
	signal.throwIfAborted();
	const { library, contextTokens } = plan;
	return { model, loaded: { ...outlook, library, contextTokens, seconds: (performance.now() - begun) / 1000 } };
}

async function planOf(
	source: JudgeSource,
	adapter: JudgeAdapter,
	files: Pick<ModelFiles, 'open'>,
	signal: AbortSignal,
): Promise<JudgePlan> {
	const open = (file: Parameters<ModelFiles['open']>[0]) => files.open(file, { signal });
	if (source.kind === 'folder') {
		if (isDropped(source.url))
			throw new JudgeFitError(
				'Beside a model from your own disk nothing is compiled for WebLLM. Let its frozen copy in the trainer judge, or choose a model of WebLLM’s list.',
			);
		const folder = { ...source, url: source.url.endsWith('/') ? source.url : `${source.url}/` };
		return planFolder(folder, await fetchManifest(`${folder.url}manifest.json`, signal), adapter, open);
	}
	const list = await listedModels();
	if (source.kind === 'twin') return planListed(listedTwin(source.name, list, adapter), open);
	const listed = list.find(({ model_id }) => model_id === source.id);
	if (!listed) throw new JudgeFitError(`WebLLM’s list has no model '${source.id}' that can judge. Choose another one.`);
	return planListed(listed, open);
}

/** Asked of the server each time: it says which versions of all other files belong together. */
async function fetchManifest(url: string, signal: AbortSignal): Promise<string> {
	const response = await fetch(url, { cache: 'no-cache', signal }).catch((error: unknown) => {
		signal.throwIfAborted();
		throw new DownloadError(`${url}: no answer (${(error as Error).message}). Is the server running and the machine online?`, true);
	});
	// A server for one-page apps answers 200 with its page for whatever it does not have.
	const isPage = (response.headers.get('content-type') ?? '').startsWith('text/html');
	if (response.status === 404 || (response.ok && isPage))
		throw new MissingFileError(
			`${url}: there is no such file, so there is no model compiled for WebLLM. npm run organism:webllm makes one of a model’s folder.`,
		);
	if (!response.ok) throw new DownloadError(`${url}: the server answered with status ${response.status} ${response.statusText}.`, true);
	return response.text();
}
