import type { Judge } from '$lib/conscience/judge';
import { adapterOfFiles, type GivenAdapterFile } from '$lib/experiment/adapterFiles';
import { runBench, worldPlan } from '$lib/experiment/attackBench';
import { reportOf } from '$lib/experiment/benchReport';
import { chat, type ChatEvent } from '$lib/experiment/chat';
import type { Experiment, SamplingConfig } from '$lib/experiment/schema';
import { AdapterError, importAdapter } from '$lib/model/adapter';
import type { BackendReport } from '$lib/model/backend';
import { type Checkpoint, fetchFrom, readFolder } from '$lib/model/checkpoint';
import { disposeLora, type Lora } from '$lib/model/lora';

import { calmly } from './calmly';
import type { AdapterSource, ChatPageEvent, ChatRequests, ChatStandards } from './chatProtocol';
import type { Handlers } from './rpc';

/** What a chat speaks with, loaded. */
export interface ChatBase {
	backend: BackendReport;
	checkpoint: Checkpoint;
	/** Who judges; null where a judge outside of this worker is asked for and none is connected. */
	judge: (engine: ChatStandards['judge']) => Judge | null;
}

/** Alternatives that are tried before a flagged reply is withheld. */
const ATTEMPTS = 3;

/** Answers the page's requests about a chat: a base, its adapters, and who speaks with them. What is asked first is done first. */
export function chatHandlers(
	load: (params: ChatRequests['openChat']['params']) => Promise<ChatBase>,
	emit: (event: ChatPageEvent) => void,
): Handlers<ChatRequests> {
	let base: (ChatBase & { experiment: Experiment }) | null = null;
	const adapters = new Map<string, Lora>();
	const controllers = new Map<string, AbortController>();
	let last: Promise<unknown> = Promise.resolve();

	const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
		const working = last.then(work);
		last = working.catch(() => {}); // whoever asked for it hears of the error
		return working;
	};
	const hushable = async <T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
		const controller = new AbortController();
		controllers.set(id, controller);
		try {
			return await inTurn(async () => {
				controller.signal.throwIfAborted();
				return work(controller.signal);
			});
		} finally {
			controllers.delete(id);
		}
	};
	const opened = () => {
		if (!base) throw new RangeError('The chat has no model yet. Open it first.');
		return base;
	};
	const loraOf = (adapter: string | null): Lora | null => {
		if (adapter === null) return null;
		const lora = adapters.get(adapter);
		if (!lora) throw new AdapterError(`The adapter '${adapter}' is not loaded.`);
		return lora;
	};
	const free = (adapter: string) => {
		const lora = adapters.get(adapter);
		if (lora) disposeLora(lora);
		adapters.delete(adapter);
	};

	return {
		openChat: (params) =>
			inTurn(async () => {
				for (const adapter of [...adapters.keys()]) free(adapter);
				base = { ...(await load(params)), experiment: params.experiment };
				return { backend: base.backend, parameters: base.checkpoint.parameterCount };
			}),
		loadAdapter: ({ adapter, source }) =>
			inTurn(async () => {
				const lora = importAdapter(opened().checkpoint.model.config, adapterOfFiles(await filesOf(source)));
				free(adapter);
				adapters.set(adapter, lora);
			}),
		freeAdapter: ({ adapter }) => inTurn(async () => free(adapter)),
		say: ({ id, prompt, speakers, seed, standards }) =>
			hushable(id, async (signal) => {
				const { checkpoint, experiment } = opened();
				const talkers = speakers.map(({ conscience, adapter, ...speaker }) => ({
					...speaker,
					lora: loraOf(adapter),
					reviews: () => conscience,
				}));
				const options = { sampling: experiment.evaluation.sampling, seed, standards: inForce(standards, signal), tell: telling(id, emit) };
				return { replies: await chat(checkpoint, talkers, judgeOf(opened(), standards), prompt, options) };
			}),
		attack: ({ id, speakers, prompts, samples, seed, standards }) =>
			hushable(id, async (signal) => {
				const { checkpoint, experiment } = opened();
				const judge = judgeOf(opened(), standards);
				const attacked = speakers.map((speaker) => ({ id: speaker.id, lora: loraOf(speaker.adapter) }));
				const plan = prompts ? { prompts, answers: [], samples, seed } : worldPlan(standards.framework, samples, seed);
				const sampling: SamplingConfig = experiment.evaluation.sampling;
				const onProgress = (done: number, total: number) => emit({ kind: 'bench', id, done, total });
				const options = { model: experiment.model.checkpoint, sampling, standards: inForce(standards, signal), onProgress };
				return reportOf(await runBench(checkpoint, attacked, judge, plan, options));
			}),
		async hush({ id }) {
			controllers.get(id)?.abort();
		},
	};
}

const inForce = ({ judge: _, ...standards }: ChatStandards, signal: AbortSignal) => ({ ...standards, attempts: ATTEMPTS, signal });

function judgeOf({ judge }: ChatBase, { judge: engine }: ChatStandards): Judge {
	const found = judge(engine);
	if (found) return found;
	throw new RangeError('The judge outside of the trainer is not there. Choose it again, or let the frozen copy judge.');
}

/** Events go to the page; a growing text at a pace that can be read. */
function telling(id: string, emit: (event: ChatPageEvent) => void): (event: ChatEvent) => void {
	const onText = calmly((speaker: string, text) => emit({ kind: 'chat', id, event: { speaker, kind: 'text', text } }));
	return (event) => {
		if (event.kind === 'text') onText(event.speaker, event.text);
		else emit({ kind: 'chat', id, event });
	};
}

async function filesOf(source: AdapterSource): Promise<readonly GivenAdapterFile[]> {
	if (source.kind === 'files') return source.files;
	const files = await readFolder(fetchFrom(source.url), ['adapter_config.json', 'adapter_model.safetensors']);
	return Object.entries(files).map(([name, bytes]) => ({ name, bytes }));
}
