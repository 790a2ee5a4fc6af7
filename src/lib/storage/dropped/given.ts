/** What a reader gives as a model, a folder or a zip, and the one model in it. */
import { ModelFileError } from '../fileErrors';

/** A file as it lies in the folder or zip. */
export interface GivenFile {
	/** By slashes, from what was given on. */
	path: string;
	/** Bytes; unpacked, as a zip declares them. */
	size: number;
	/** The content, part by part; may be read again. @throws DroppedModelError when it can't be read, or is not what it was declared to be */
	read(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** What was given holds no model that the lab reads, or more than one; the message says what it is, what was expected and what to do. */
export class DroppedModelError extends ModelFileError {
	override name = 'DroppedModelError';
}

/** A folder of a model. */
export interface ModelFolder {
	/** What it is called: by its folder, or by the zip. */
	name: string;
	/** The files that lie in it, by name. */
	files: ReadonlyMap<string, GivenFile>;
}

/** More than any model has: somebody gave a folder of folders. */
export const MOST_FILES = 10_000;
const READ_BYTES = 4 * 2 ** 20;
const UNREAD = /\.(bin|gguf|pt|pth|onnx|h5|msgpack|ot|tflite)$/i;
/** What systems leave beside files. */
const LITTER = /(^|\/)(__MACOSX|\.[^/]*)(\/|$)/;

/** A file of the reader's disk. */
export const fileOnDisk = (path: string, file: Blob): GivenFile => ({ path, size: file.size, read: () => partsOf(path, file) });

/** The bytes of a file, one part after the other. @throws DroppedModelError */
export async function* partsOf(path: string, file: Blob, partBytes = READ_BYTES): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
	for (let begin = 0; begin < file.size; begin += partBytes) {
		const part = file.slice(begin, begin + partBytes);
		const bytes = await part.arrayBuffer().catch((cause: unknown) => {
			const text = `The browser can’t read ${path} (${(cause as Error).message}): it was moved, changed or locked since it was given. Give it again.`;
			throw new DroppedModelError(text, { cause });
		});
		yield new Uint8Array(bytes);
	}
}

/** The one model among the files, wherever its folder lies: the one that lies least deep. @throws DroppedModelError */
export function modelIn(given: readonly GivenFile[], called: string): ModelFolder {
	if (given.length > MOST_FILES)
		throw new DroppedModelError(`${called} holds ${given.length} files, and a model has few. Give the folder of one model.`);
	const files = given.filter(({ path }) => !LITTER.test(path));
	const configs = files.filter(({ path }) => nameOf(path) === 'config.json').toSorted((a, b) => depthOf(a.path) - depthOf(b.path));
	const [first, ...others] = configs.filter(({ path }) => depthOf(path) === depthOf(configs[0]!.path));
	if (!first) throw noModel(files, called);
	if (others.length > 0) {
		const places = [first, ...others].slice(0, 4).map(({ path }) => folderOf(path) || 'the folder itself');
		throw new DroppedModelError(`${called} holds more than one model: in ${places.join(', ')}. Give the folder of one of them.`);
	}
	const folder = folderOf(first.path);
	const inside = files.filter(({ path }) => folderOf(path) === folder);
	const model = { name: nameOf(folder) || called, files: new Map(inside.map((file) => [nameOf(file.path), file])) };
	checkWeights(model);
	return model;
}

/** Of what lies there in place of weights that are read, in words. @throws DroppedModelError */
function checkWeights({ name, files }: ModelFolder): void {
	const names = [...files.keys()];
	if (names.includes('model.safetensors') || names.includes('model.safetensors.index.json')) return;
	if (names.includes('adapter_config.json')) throw isAdapter(name);
	const shards = names.filter((file) => file.endsWith('.safetensors'));
	const unread = names.filter((file) => UNREAD.test(file));
	const has =
		shards.length > 0
			? ` It has ${some(shards)}, and no index that says what of the model lies where.`
			: unread.length > 0
				? ` It has ${some(unread)}: such files are not read. Save the model as safetensors: in transformers, model.save_pretrained(folder).`
				: ' Give the whole folder, with its weights.';
	throw new DroppedModelError(`${name} has no model.safetensors, and no model.safetensors.index.json with its shards.${has}`);
}

function noModel(files: readonly GivenFile[], called: string): DroppedModelError {
	const names = files.map(({ path }) => nameOf(path));
	if (names.includes('adapter_config.json')) return isAdapter(called);
	const unread = names.filter((name) => UNREAD.test(name));
	if (unread.length > 0)
		return new DroppedModelError(
			`${called} has no config.json. It has ${some(unread)}: such files are not read. Look for the same model as a folder with config.json and safetensors.`,
		);
	if (files.length === 0)
		return new DroppedModelError(`${called} is empty. Give the folder that a model was downloaded to, or a zip of it.`);
	return new DroppedModelError(
		`${called} has no config.json, and so is no model’s folder: it has ${some(names)}. Give the folder with config.json, tokenizer.json, tokenizer_config.json and the weights (model.safetensors), or a zip of it.`,
	);
}

const isAdapter = (name: string) =>
	new DroppedModelError(
		`${name} is an adapter (adapter_config.json): a change to a model, and not the model. Open it on the page Chat (“Open an adapter…”), where it speaks; here give the model that it was trained on.`,
	);

const SHOWN = 3;
const some = (names: readonly string[]) =>
	names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const depthOf = (path: string) => path.split('/').length;
