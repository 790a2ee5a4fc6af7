import { type Machine, modelFit } from '$lib/experiment/modelFit';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import { findAdapter, type FoundAdapter, mostBoundBytes } from '$lib/model/gpuAdapter';
import { hubFolder, type HubName, parseHubFolder } from '$lib/model/hubFolder';
import { weightBytes } from '$lib/model/memoryEstimate';
import { AccessError, ModelFileError } from '$lib/storage/fileErrors';
import { type HubFiles, hubFiles, openRepository } from '$lib/storage/hub/hubFiles';
import { findRepository, type Repository } from '$lib/storage/hub/listing';
import type { ModelFiles } from '$lib/storage/modelFiles';

import type { ModelOutlook, ModelsEvent, ModelsRequests } from './modelsProtocol';
import { oneAtATime } from './oneAtATime';
import { openInTurn } from './openInTurn';
import type { Engine } from './protocol';
import type { Handlers } from './rpc';
import { folderOf, storedModels } from './storedModels';

/** What the page Models is answered with; `find` and `deviceMemory` (in bytes) are for tests. */
export interface ModelsParts {
	files: ModelFiles;
	find?: () => Promise<FoundAdapter | null>;
	deviceMemory?: number | null;
}

export function modelsHandlers(parts: ModelsParts, emit: (event: ModelsEvent) => void): Handlers<ModelsRequests> {
	const { files } = parts;
	const configs = new Map<string, ModelConfig>();
	const alone = oneAtATime();
	const readingOf = (hub: string, token: string | null, signal: AbortSignal) => ({
		signal,
		token: token ? { origin: new URL(hub).origin, value: token } : null,
		onWait: (seconds: number | null) => emit({ kind: 'waiting', seconds }),
	});
	return {
		look: ({ name, token }) =>
			alone.begin(async (signal) => {
				const reading = readingOf(name.hub, token, signal);
				const repository = await (isCommit(name.revision) ? openRepository(name, files, reading) : findRepository(name, reading));
				const pinned = { ...name, revision: repository.revision };
				try {
					const found = await hubFiles(pinned, files, reading);
					const config = await readConfig(found, files, reading);
					configs.set(hubFolder(pinned), config);
					return await outlookOf(pinned, found, config, files);
				} catch (error) {
					if (!(error instanceof AccessError)) throw error;
					return lockedOutlook(pinned, repository, error, files);
				}
			}),
		async fit({ folder, experiment, engine, tokens }) {
			const config = configs.get(folder);
			if (!config) throw new ModelFileError(`${folder} has not been looked at yet.`);
			const machine = await machineOf(engine, parts);
			return { fit: modelFit(config, experiment, tokens, machine), machine: machineInWords(machine) };
		},
		download: ({ folder, token }) =>
			alone.begin(async (signal) => {
				const name = parseHubFolder(folder);
				if (!name) throw new ModelFileError(`${folder} is no model of a hub at one commit.`);
				const reading = readingOf(name.hub, token, signal);
				const wanted = [...(await hubFiles(name, files, reading)).files.values()];
				await files.missing(wanted); // rejects where they have no room
				await openInTurn(wanted, files, (standing) => emit({ kind: 'files', ...standing }), reading);
			}),
		cancel: () => alone.cancel(),
		list: async () => storedModels(await files.list()),
		async remove({ folder }) {
			for (const { url } of await files.list()) if (folderOf(url) === folder) await files.remove(url);
		},
	};
}

/** What is kept of it needs no hub. */
const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision);

type Reading = NonNullable<Parameters<typeof hubFiles>[2]>;

async function readConfig({ files: wanted }: HubFiles, files: Pick<ModelFiles, 'open'>, reading: Reading): Promise<ModelConfig> {
	const file = wanted.get('config.json')!; // hubFiles has it
	const text = await (await files.open(file, reading)).text();
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		throw new ModelFileError(`${file.url} is not JSON (${(error as Error).message}).`);
	}
	return parseModelConfig(json);
}

async function outlookOf(
	name: HubName,
	{ repository, files: wanted }: HubFiles,
	config: ModelConfig,
	files: ModelFiles,
): Promise<ModelOutlook> {
	const all = [...wanted.values()];
	const { license, gated } = repository;
	return {
		...{ name, folder: hubFolder(name), license, gated, locked: null },
		family: config.modelType,
		parameters: weightBytes(config, 'f32') / 4,
		totalBytes: all.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
		missingBytes: await files.missing(all),
		kept: files.kept,
	};
}

function lockedOutlook(
	name: HubName,
	{ license, gated, files: listed }: Repository,
	{ message }: AccessError,
	{ kept }: ModelFiles,
): ModelOutlook {
	const weights = [...listed].filter(([file]) => /^model[\w-]*\.safetensors$/.test(file));
	const totalBytes = weights.reduce((sum, [, { bytes }]) => sum + (bytes ?? 0), 0);
	const unknown = { family: null, parameters: null };
	return { ...{ name, folder: hubFolder(name), license, gated, locked: message }, ...unknown, totalBytes, missingBytes: totalBytes, kept };
}

/** As the lab chooses its engine: a CPU that plays a GPU is not taken unless it is asked for. */
async function machineOf(engine: Engine, { find = findAdapter, deviceMemory = toldMemory() }: ModelsParts): Promise<Machine> {
	const found = engine === 'wasm' ? null : await find();
	if (!found || (found.software && engine !== 'webgpu')) return { backend: 'wasm', adapter: null, maxTensorBytes: 2 ** 32, deviceMemory };
	return { backend: 'webgpu', adapter: found.description, maxTensorBytes: mostBoundBytes(found.adapter.limits), deviceMemory };
}

function toldMemory(): number | null {
	const { deviceMemory } = globalThis.navigator as { deviceMemory?: number };
	return deviceMemory === undefined ? null : deviceMemory * 2 ** 30;
}

const machineInWords = ({ adapter, deviceMemory }: Machine): string =>
	`${adapter ? `WebGPU on ${adapter}` : 'WebAssembly on the processor'}; ${
		deviceMemory === null
			? 'this browser doesn’t say how much memory the machine has'
			: `the browser says that the machine has ${deviceMemory / 2 ** 30} GiB of memory or more`
	}`;
