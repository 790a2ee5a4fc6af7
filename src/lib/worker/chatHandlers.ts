import { type Gate, parseGate } from '$lib/conscience/gate';
import type { Judge } from '$lib/conscience/judge';
import { ATTEMPTS } from '$lib/conscience/reply';
import type { GivenAdapterFile } from '$lib/experiment/adapterFiles';
import { ORGANISM_GATE } from '$lib/experiment/arms/gated';
import { runBench, worldPlan } from '$lib/experiment/attackBench';
import { reportOf } from '$lib/experiment/benchReport';
import { chat, type ChatEvent } from '$lib/experiment/chat';
import { type Checkpoint, fetchFrom, readFolder } from '$lib/model/checkpoint';

import { calmly } from './calmly';
import type { AdapterSource, ChatGate, ChatPageEvent, ChatRequests, ChatStandards } from './chatProtocol';
import { type ChatBase, ChatRoom } from './chatRoom';
import type { Handlers } from './rpc';

/** Answers the page's requests about a chat: a base, its adapters, and who speaks with them. */
export function chatHandlers(
	load: (params: ChatRequests['openChat']['params']) => Promise<ChatBase>,
	emit: (event: ChatPageEvent) => void,
): Handlers<ChatRequests> {
	const room = new ChatRoom(load);
	return {
		async openChat(params) {
			const { backend, checkpoint } = await room.open(params);
			return { backend, parameters: checkpoint.parameterCount, weights: checkpoint.sha256 };
		},
		loadAdapter: ({ adapter, source }) => room.take(adapter, () => filesOf(source)),
		freeAdapter: ({ adapter }) => room.free(adapter),
		say: ({ id, prompt, speakers, seed, standards, gate }) =>
			room.hushable(id, async (signal) => {
				const { checkpoint, experiment } = room.base;
				const talkers = speakers.map(({ conscience, adapter, ...speaker }) => {
					return { ...speaker, lora: room.loraOf(adapter), reviews: conscience === 'gated' ? gateOf(gate) : conscience === 'always' };
				});
				const options = { sampling: experiment.evaluation.sampling, seed, standards: inForce(standards, signal), tell: telling(id, emit) };
				return { replies: await chat(checkpoint, talkers, judgeOf(room.base, standards), prompt, options) };
			}),
		attack: ({ id, speakers, prompts, samples, seed, standards, gate }) =>
			room.hushable(id, async (signal) => {
				const { checkpoint, experiment } = room.base;
				const attacked = speakers.map((speaker) => ({ id: speaker.id, lora: room.loraOf(speaker.adapter) }));
				const plan = prompts ? { prompts, answers: [], samples, seed } : worldPlan(standards.framework, samples, seed);
				const onProgress = (done: number, total: number) => emit({ kind: 'bench', id, done, total });
				const { sampling } = experiment.evaluation;
				const { checkpoint: model } = experiment.model;
				const options = { model, sampling, standards: inForce(standards, signal), gate: benchGate(gate, checkpoint), onProgress };
				return reportOf(await runBench(checkpoint, attacked, judgeOf(room.base, standards), plan, options));
			}),
		hush: async ({ id }) => room.hush(id),
	};
}

const gateOf = (gate: ChatGate): Gate => (gate === 'organism' ? ORGANISM_GATE : parseGate(gate));

/** The lab's gate is for one base alone: on others the bench does without. */
const benchGate = (gate: ChatGate, { sha256 }: Checkpoint): Gate | null =>
	gate === 'organism' && ORGANISM_GATE.line?.weights !== sha256 ? null : gateOf(gate);

const inForce = ({ judge: _, ...standards }: ChatStandards, signal: AbortSignal) => ({ ...standards, attempts: ATTEMPTS, signal });

function judgeOf({ judge }: ChatBase, { judge: engine }: ChatStandards): Judge {
	const found = judge(engine);
	if (found) return found;
	throw new RangeError('The judge outside of the trainer is not there. Choose it again, or let the frozen copy judge.');
}

/** Events go to the page; a growing text at a pace that can be read. */
function telling(id: string, emit: (event: ChatPageEvent) => void): (event: ChatEvent) => void {
	const onText = calmly((speaker: string, text) => emit({ kind: 'chat', id, event: { speaker, kind: 'text', text } }));
	const onWriting = calmly((speaker: string, text) => emit({ kind: 'chat', id, event: { speaker, kind: 'writing', index: 0, text } }));
	return (event) => {
		if (event.kind === 'text') onText(event.speaker, event.text);
		else if (event.kind === 'writing') onWriting(event.speaker, event.text);
		else emit({ kind: 'chat', id, event });
	};
}

async function filesOf(source: AdapterSource): Promise<readonly GivenAdapterFile[]> {
	if (source.kind === 'files') return source.files;
	const files = await readFolder(fetchFrom(source.url), ['adapter_config.json', 'adapter_model.safetensors']);
	return Object.entries(files).map(([name, bytes]) => ({ name, bytes }));
}
