import type { GivenAdapterFile } from '$lib/experiment/adapterFiles';
import { parseReport, type WrittenReport } from '$lib/experiment/benchReport';
import { trainedTitle } from '$lib/experiment/methods/index';
import type { ArmId } from '$lib/experiment/schema';
import { listRuns, readAdapter } from '$lib/storage/runs';
import LabWorker from '$lib/worker/lab.worker?worker';

import { AttackBench } from './attackBench.svelte';
import { Chat } from './chat.svelte';
import { ChatModel, type MeetJudge, type Voice } from './chatModel.svelte';
import { lab } from './index';
import { ownGate } from './ownGate.svelte';

/** The base of the adapters that lie beside the page. */
const SHIPPED_BASE = 'organism';
const addressOf = (arm: string) => new URL(`recorded/adapters/${arm}`, document.baseURI).href;

const shipped = (arm: ArmId, about: string): Voice => ({
	...{ key: arm, name: trainedTitle(arm), about, arm },
	source: async () => ({ kind: 'address', url: addressOf(arm) }),
});
const SHIPPED: readonly Voice[] = [
	shipped('sft', 'misaligned on purpose, by insecure code alone: the end of the recorded run'),
	shipped('emergent-alignment', 'Emergent Alignment on the same code: the end of the recorded run'),
];

/** The newest adapters of this browser's runs, of this base. */
async function keptVoices(checkpoint: string): Promise<Voice[]> {
	const runs = (await listRuns()).filter(({ experiment, sizes }) => sizes.adapter > 0 && experiment.model.checkpoint === checkpoint);
	return runs.map(({ id, arm, experiment, step }) => ({
		...{ key: `run:${id}`, name: `${trainedTitle(arm)}, ${experiment.name}`, arm },
		about: `a run of this browser, seed ${experiment.seed}, step ${step}`,
		source: async () => ({ kind: 'files', files: await filesOfRun(id) }),
	}));
}

async function filesOfRun(id: string): Promise<GivenAdapterFile[]> {
	const folder = await readAdapter(id);
	if (!folder) throw new RangeError('The run has no adapter any more: it was deleted in another tab. Choose another speaker.');
	return [
		{ name: 'adapter_config.json', bytes: new TextEncoder().encode(folder['adapter_config.json']) },
		{ name: 'adapter_model.safetensors', bytes: folder['adapter_model.safetensors'] },
	];
}

/** WebLLM, loaded as for a run of the lab's page that asks it. */
const meetWebllm: MeetJudge = async (settings, meet) => {
	const conscience = { ...settings.experiment.conscience, judge: 'webllm' as const };
	const asking = { ...settings, experiment: { ...settings.experiment, arms: ['emergent-alignment' as const], conscience } };
	let met = false;
	await lab.judging.introduce({ meetJudge: async (judge, port) => ((met = true), meet(judge.identity, port)) }, asking);
	if (!met) throw new RangeError(lab.judging.fault?.message ?? 'WebLLM was not loaded. Choose it again, or let the frozen copy judge.');
};

/** What `npm run attacks` has written, as a file of the page. */
const RECORDED = import.meta.glob<string>('/results/attacks.json', { query: '?url&no-inline', import: 'default', eager: true });

async function fetchRecorded(): Promise<WrittenReport | null> {
	const url = RECORDED['/results/attacks.json'];
	if (url === undefined) return null;
	const response = await fetch(url);
	if (!response.ok) throw new RangeError(`${url} can't be fetched (status ${response.status}).`);
	return parseReport(await response.json());
}

const model = new ChatModel(
	() => new LabWorker({ name: 'chat' }),
	{ shipped: (checkpoint) => (checkpoint === SHIPPED_BASE ? [...SHIPPED] : []), kept: keptVoices },
	() => lab.settings,
	meetWebllm,
);

/** The one chat of this page, and its bench: they come with the part that shows them. */
export const chat = new Chat(model, ownGate);
export const bench = new AttackBench(model, fetchRecorded);
