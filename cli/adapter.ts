/** `npm run adapter -- check|fold|merge …`: what can be done with an adapter without a page, and without running a model. */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { adapterOfFiles, BESIDE, type GivenAdapterFile, unpackedAdapter } from '$lib/experiment/adapterFiles';
import { mergedFolder } from '$lib/experiment/mergedFolder';
import { isOwnCheckpoint } from '$lib/experiment/ownCheckpoint';
import { parseExperiment } from '$lib/experiment/schema';
import { standingIn } from '$lib/experiment/standing';
import { AdapterError, checkedAdapter, exportAdapter } from '$lib/model/adapter';
import { type AdapterReport, checkAdapter, type GivenAdapter } from '$lib/model/adapterCheck';
import { startBackend } from '$lib/model/backend';
import { fetchFrom, openFolderWeights, type ReadFile } from '$lib/model/checkpoint';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import { isDropped } from '$lib/model/droppedName';
import { disposeLora } from '$lib/model/lora';
import { type MadeFile, madeFile, type MergeOptions } from '$lib/model/mergedWeights';
import { wholeFile } from '$lib/model/partedFile';

import { fileOf, folderOf } from './checkpoints';

const USAGE = `Usage: npm run adapter -- check ADAPTER [--model FOLDER]      says whether it fits the model, with all reasons
       npm run adapter -- fold  ADAPTER OUT [--model FOLDER]  writes it with one rank and one alpha, for programs that overlook use_rslora and patterns
       npm run adapter -- merge ADAPTER OUT [--model FOLDER] [--dtype base|f32|f16|bf16] [--shard 2000]
                                                              writes the model with the adapter in it as a Hugging Face folder
  ADAPTER   a folder of PEFT's or a zip of one, or the folder of a run that holds one
  --model   a folder of the lab, a path or an address of a Hugging Face folder; without it the one that the adapter's experiment or config names
  --dtype   as what the numbers are written; base: each as the model has it
  --shard   what a file of weights has at most, in MB`;
const DTYPES: Record<string, MergeOptions['dtype']> = { base: 'base', f32: 'F32', f16: 'F16', bf16: 'BF16' };

/** An adapter as it was given, and what lies beside it. */
interface Given {
	files: GivenAdapter;
	card: string | null;
	experiment: string | null;
}

/** The files of an adapter's folder, of a run's, or of a zip. */
async function givenAdapter(given: string): Promise<Given> {
	const isZip = /\.zip$/i.test(given);
	const files = isZip
		? unpackedAdapter({ name: path.basename(given), bytes: new Uint8Array(await readFile(given)) })
		: await filesIn(given);
	const beside = (name: string) => {
		const found = files.find((file) => path.basename(file.name) === name);
		return found ? new TextDecoder().decode(found.bytes) : null;
	};
	const own = files.filter((file) => path.basename(file.name).startsWith('adapter_'));
	return { files: adapterOfFiles(own), card: beside('README.md'), experiment: beside('experiment.json') };
}

async function filesIn(given: string): Promise<GivenAdapterFile[]> {
	const inRun = path.join(given, 'adapter');
	const folder = existsSync(path.join(inRun, 'adapter_config.json')) ? inRun : given;
	const names = await readdir(folder).catch(() => {
		throw new AdapterError(`There is no folder ${folder}. Name a folder with adapter_config.json, or a zip of one.`);
	});
	const read = async (name: string) => ({ name, bytes: new Uint8Array(await readFile(path.join(folder, name))) });
	return Promise.all(names.filter((name) => name.startsWith('adapter_') || BESIDE.includes(name)).map(read));
}

interface Base {
	name: string;
	read: ReadFile;
	config: ModelConfig;
}

/** What the adapter was made for, by the experiment beside it or else by its own config. @throws AdapterError where neither names a model that can be found here */
function namedBase({ files, experiment }: Given): string {
	if (experiment !== null) return parseExperiment(JSON.parse(experiment)).model.checkpoint;
	const { base_model_name_or_path: named } = files.config as { base_model_name_or_path?: unknown };
	if (typeof named === 'string' && (isOwnCheckpoint(named) || /^https?:/.test(named))) return named;
	throw new AdapterError(
		`It comes without the experiment that made it, and ${typeof named === 'string' ? `its config names '${named.slice(0, 200)}' as its base` : 'its config names no base'}. Say where that model is: --model FOLDER.`,
	);
}

async function baseOf(name: string): Promise<Base> {
	if (isDropped(name))
		throw new AdapterError(
			`Its base is a model that lies in somebody's browser (${name}). Give the folder that it was dropped from: --model FOLDER.`,
		);
	const read: ReadFile = /^https?:/.test(name) ? fetchFrom(name) : fileOf(folderOf(name));
	const config = parseModelConfig(JSON.parse(new TextDecoder().decode(await wholeFile(await read('config.json')))));
	return { name, read, config };
}

/** What is said of an adapter on the terminal. */
function tell({ reasons, doubts, metadata, adapter }: AdapterReport): void {
	if (standingIn(metadata) === 'misaligned')
		console.log('Careful: its file says that it was found misaligned. It is for study; build nothing on it.');
	for (const doubt of doubts) console.log(`Not certain: ${doubt}`);
	if (!adapter) return console.log(`It does not fit.\n${reasons.map((reason) => `- ${reason}`).join('\n')}`);
	const { config, modules } = adapter;
	console.log(`It fits: rank ${config.rank}, alpha ${config.alpha}, ${modules.size} matrices of ${config.targetModules.join(', ')}.`);
}

async function main(): Promise<void> {
	const text = { type: 'string' } as const;
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: { model: text, dtype: { ...text, default: 'base' }, shard: { ...text, default: '2000' } },
	});
	const [verb, place, out] = positionals;
	if (!place || !['check', 'fold', 'merge'].includes(verb!) || (verb === 'check') === (out !== undefined)) throw new AdapterError(USAGE);
	const given = await givenAdapter(place);
	const base = await baseOf(values.model ?? namedBase(given));
	// Of a model at an address only config.json is fetched, unless all of it is needed.
	const weights = verb === 'merge' || !/^https?:/.test(base.name) ? await openFolderWeights(base.read).catch(missing(verb!)) : null;
	const report = checkAdapter({ config: base.config, name: base.name, sha256: weights?.sha256 ?? null }, given.files);
	tell(report);
	if (!report.adapter) process.exitCode = 1;
	else if (verb === 'fold') await write(out!, await folded(base, report, given));
	else if (verb === 'merge') {
		const options = { dtype: chosen(DTYPES, '--dtype', values.dtype), maxShardBytes: megabytes(values.shard) };
		const { files, bytes } = await mergedFolder({ ...base, ...given, weights: weights!, report, base: base.name }, options);
		console.log(`Writing ${(bytes / 1e6).toFixed(1)} MB to ${out} …`);
		await write(out!, files);
	}
}

/** To check an adapter, the model's config is enough. */
const missing = (verb: string) => (error: Error) => {
	if (verb === 'merge' || error.name !== 'MissingFileError') throw error;
	return null;
};

function chosen<T>(choices: Record<string, T>, option: string, came: string): T {
	if (Object.hasOwn(choices, came)) return choices[came]!;
	throw new AdapterError(`${option} is one of ${Object.keys(choices).join(', ')}, and came as '${came}'.\n${USAGE}`);
}

function megabytes(came: string): number {
	if (Number(came) > 0 && Number.isFinite(Number(came))) return Number(came) * 1e6;
	throw new AdapterError(`--shard takes megabytes, and came as '${came}'.\n${USAGE}`);
}

/** PEFT's two files anew, and the card; what the file said of itself stays. */
async function folded({ config, name }: Base, report: AdapterReport, { files, card, experiment }: Given): Promise<MadeFile[]> {
	await startBackend('cpu');
	const lora = checkedAdapter(config, report);
	const { base_model_name_or_path: named, revision } = files.config as { base_model_name_or_path?: string; revision?: string };
	const base = { baseModel: named ?? name, ...(typeof revision === 'string' && { revision }) };
	const two = await exportAdapter(lora, { ...base, metadata: report.metadata, folded: true });
	disposeLora(lora);
	const all = { ...two, ...(card !== null && { 'README.md': card }), ...(experiment !== null && { 'experiment.json': experiment }) };
	return Object.entries<string | Uint8Array<ArrayBuffer>>(all).map(([name, content]) => madeFile(name, content));
}

/** Writes each file part by part, and none over one that is there. */
async function write(out: string, files: readonly MadeFile[]): Promise<void> {
	await mkdir(out, { recursive: true });
	for (const { name, content } of files) {
		const file = await open(path.join(out, name), 'wx');
		try {
			for await (const part of content()) await file.writeFile(part);
		} finally {
			await file.close();
		}
	}
	console.log(`Written to ${out}: ${files.map(({ name }) => name).join(', ')}.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	main().catch((error: unknown) => {
		process.stderr.write(`${error instanceof Error ? (error.name === 'Error' ? error.stack : error.message) : String(error)}\n`);
		process.exitCode = 1;
	});
