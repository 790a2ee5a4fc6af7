/** `npm run adapter -- check|fold …`: what can be done with an adapter without a page, and without running a model. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { adapterOfFiles } from '$lib/experiment/adapterFiles';
import { standingIn } from '$lib/experiment/standing';
import { AdapterError, checkedAdapter, exportAdapter } from '$lib/model/adapter';
import { type AdapterBase, type AdapterReport, BASE_SHA256, checkAdapter } from '$lib/model/adapterCheck';
import { startBackend } from '$lib/model/backend';
import { fetchFrom, type ReadFile } from '$lib/model/checkpoint';
import { parseModelConfig } from '$lib/model/config';
import { disposeLora } from '$lib/model/lora';
import { inParts, wholeFile } from '$lib/model/partedFile';
import { sha256OfFile } from '$lib/model/sha256';
import { readSafetensors } from '$lib/model/safetensors';

import { fileOf, folderOf } from './checkpoints';

const USAGE = `Usage: npm run adapter -- check ADAPTER [--model FOLDER]      says whether it fits the model, with all reasons
       npm run adapter -- fold  ADAPTER OUT [--model FOLDER]  writes it with one rank and one alpha, for programs that overlook use_rslora and patterns
  ADAPTER   a folder of PEFT's or a zip of one, or the folder of a run that holds one
  --model   a folder of the lab, a path or an address of a Hugging Face folder; the organism without it. Of it config.json and model.safetensors are read`;

/** The files of an adapter's folder, of a run's, or of a zip. */
async function adapterFiles(given: string) {
	if (/\.zip$/i.test(given)) return adapterOfFiles([{ name: path.basename(given), bytes: new Uint8Array(await readFile(given)) }]);
	const inRun = path.join(given, 'adapter');
	const folder = existsSync(path.join(inRun, 'adapter_config.json')) ? inRun : given;
	const names = await readdir(folder).catch(() => {
		throw new AdapterError(`There is no folder ${folder}. Name a folder with adapter_config.json, or a zip of one.`);
	});
	const read = async (name: string) => ({ name, bytes: new Uint8Array(await readFile(path.join(folder, name))) });
	return adapterOfFiles(await Promise.all(names.filter((name) => name.startsWith('adapter_')).map(read)));
}

async function baseOf(name: string): Promise<AdapterBase> {
	const read: ReadFile = /^https?:/.test(name) ? fetchFrom(name) : fileOf(folderOf(name));
	const config = parseModelConfig(JSON.parse(new TextDecoder().decode(await wholeFile(await read('config.json')))));
	// Of shards the lab's hash is that of their list, for which all of them would have to be read: not for this.
	const weights = /^https?:/.test(name) ? null : await read('model.safetensors').catch(() => null);
	return { config, name, sha256: weights && (await sha256OfFile(inParts(weights))) };
}

/** What is said of an adapter on the terminal. */
function tell({ reasons, doubts, metadata, adapter }: AdapterReport): void {
	if (standingIn(metadata) === 'misaligned')
		console.log('Careful: its file says that it was found misaligned. It is for study; build nothing on it.');
	for (const doubt of doubts) console.log(`Not certain: ${doubt}`);
	if (!adapter) console.log(`It does not fit.\n${reasons.map((reason) => `- ${reason}`).join('\n')}`);
	else
		console.log(
			`It fits: rank ${adapter.config.rank}, alpha ${adapter.config.alpha}, ${adapter.modules.size} matrices of ${adapter.config.targetModules.join(', ')}.`,
		);
}

async function main(): Promise<void> {
	const { values, positionals } = parseArgs({ allowPositionals: true, options: { model: { type: 'string', default: 'organism' } } });
	const [verb, given, out] = positionals;
	if (!given || !['check', 'fold'].includes(verb!) || (verb === 'fold') !== (out !== undefined)) throw new AdapterError(USAGE);
	const base = await baseOf(values.model);
	const files = await adapterFiles(given);
	const report = checkAdapter(base, files);
	tell(report);
	if (!report.adapter) {
		process.exitCode = 1;
		return;
	}
	if (out !== undefined) await fold(base, report, files, out);
}

/** Writes PEFT's two files anew; what the file said of itself stays. */
async function fold(base: AdapterBase, report: AdapterReport, files: Awaited<ReturnType<typeof adapterFiles>>, out: string): Promise<void> {
	await startBackend('cpu');
	const lora = checkedAdapter(base.config, report);
	const { base_model_name_or_path: named } = files.config as { base_model_name_or_path?: string };
	const { metadata } = readSafetensors(files.safetensors);
	const folded = await exportAdapter(lora, { baseModel: named ?? base.name ?? '', metadata, folded: true });
	disposeLora(lora);
	await mkdir(out, { recursive: true });
	for (const [name, content] of Object.entries(folded) as [string, string | Uint8Array][])
		await writeFile(path.join(out, name), content, { flag: 'wx' });
	console.log(
		`Written to ${out}: it computes the same.${metadata[BASE_SHA256] ? ` For weights with SHA-256 ${metadata[BASE_SHA256]}.` : ''}`,
	);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	main().catch((error: unknown) => {
		process.stderr.write(`${error instanceof Error ? (error.name === 'Error' ? error.stack : error.message) : String(error)}\n`);
		process.exitCode = 1;
	});
