/** What is fuzzed: how a damaged input of each kind is made, and what the lab then does with it. */
import * as tf from '@tensorflow/tfjs-core';

import { parsePrompts } from '$lib/experiment/promptFile';
import { parseMemory } from '$lib/experiment/memoryFile';
import { parseQuestions } from '$lib/experiment/questionFile';
import { parseRows } from '$lib/experiment/rowFile';
import { parseVerdicts } from '$lib/experiment/verdictFile';
import { importAdapter } from '$lib/model/adapter';
import { loadCheckpoint, MissingFileError } from '$lib/model/checkpoint';
import { parseModelConfig } from '$lib/model/config';
import { disposeLora } from '$lib/model/lora';
import { pick, type Random } from '$lib/model/random';
import { readSafetensors } from '$lib/model/safetensors';
import { parseShardIndex } from '$lib/model/shards';
import { createTokenizer } from '$lib/model/tokenizer';
import { checkpointShapes, disposeModel } from '$lib/model/weights';
import { parseListing } from '$lib/storage/hub/listing';

import { damagedBytes, damagedJson, damagedText } from './mutate';
import * as seeds from './seeds';

/** The parts of an input, each as bytes: so that it can be told how long it is, and shown where it did harm. */
export type Input = Record<string, Uint8Array>;

export interface Target {
	/** Of a hundred inputs, how many are of this kind. */
	share: number;
	make: (random: Random) => Input;
	run: (input: Input) => void | Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (part: Uint8Array | undefined) => new TextDecoder().decode(part);
/** As `parseJson` of a checkpoint; text that is no JSON is another input than these. */
const json = (part: Uint8Array | undefined): unknown => {
	try {
		return JSON.parse(text(part));
	} catch {
		return null;
	}
};

/** What is put to a tokenizer that was made: words, digits, halves of characters, names of special tokens, and a long word that ends otherwise. */
const TEXTS = ['hello 12', "It's  a\r\n\ttest…", '😀\ud800é', '<|im_end|>', `${'a'.repeat(40)}!`, ' '.repeat(40), ''];

function useTokenizer(input: Input): void {
	const tokenizer = createTokenizer({ tokenizer: json(input['tokenizer.json']), tokenizerConfig: json(input['tokenizer_config.json']) });
	for (const content of TEXTS) {
		const ids = tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true });
		tokenizer.decode([...ids, ...tokenizer.encode(content)]);
	}
}

/** A line damaged among two that are whole. */
const lines = (line: unknown) => (random: Random) => ({ text: bytes([JSON.stringify(line), damagedText(line, random), JSON.stringify(line)].join('\n')) }); // prettier-ignore

export const TARGETS: Record<string, Target> = {
	safetensors: {
		share: 30,
		make: (random) => ({
			file: random() < 0.5 ? damagedBytes(seeds.aFile(random), random) : withDamagedHeader(seeds.aFile(random), random),
		}),
		run: ({ file }) => void readSafetensors(file!),
	},
	config: {
		share: 10,
		make: (random) => ({ 'config.json': bytes(damagedText(pick(random, seeds.CONFIGS), random)) }),
		run(input) {
			checkpointShapes(parseModelConfig(json(input['config.json'])));
		},
	},
	tokenizer: {
		share: 10,
		make(random) {
			const isFile = random() < 0.7;
			const [file, config] = [pick(random, seeds.TOKENIZERS), seeds.TOKENIZER_CONFIG];
			return {
				'tokenizer.json': bytes(isFile ? damagedText(file, random) : JSON.stringify(file)),
				'tokenizer_config.json': bytes(isFile ? JSON.stringify(config) : damagedText(config, random)),
			};
		},
		run: useTokenizer,
	},
	listing: {
		share: 3,
		make: (random) => ({ listing: bytes(damagedText(seeds.LISTING, random)) }),
		run: ({ listing }) => void parseListing(text(listing), { hub: 'https://huggingface.co', id: 'a/b', revision: 'main' }),
	},
	index: {
		share: 7,
		make: (random) => ({ index: bytes(damagedText(seeds.INDEX, random)) }),
		run: ({ index }) => void parseShardIndex(index!),
	},
	adapter: {
		share: 10,
		make(random) {
			const file = seeds.anAdapter(random);
			const isConfig = random() < 0.4;
			return {
				'adapter_config.json': bytes(isConfig ? damagedText(seeds.ADAPTER_CONFIG, random) : JSON.stringify(seeds.ADAPTER_CONFIG)),
				'adapter_model.safetensors': isConfig ? file : random() < 0.5 ? damagedBytes(file, random) : withDamagedHeader(file, random),
			};
		},
		run: (input) =>
			disposeLora(
				importAdapter(seeds.ADAPTED, { config: json(input['adapter_config.json']), safetensors: input['adapter_model.safetensors']! }),
			),
	},
	folder: {
		share: 5,
		make(random) {
			const folder = seeds.aFolder(random);
			const damaged = pick(random, Object.keys(folder));
			const entries = Object.entries(folder).map(([name, file]): [string, Uint8Array] => {
				const isDamaged = name === damaged || random() < 0.05;
				if (file instanceof Uint8Array) return [name, isDamaged ? withDamagedHeader(file, random) : file];
				return [name, bytes(isDamaged ? damagedText(file, random) : JSON.stringify(file))];
			});
			return Object.fromEntries(entries.filter(() => random() > 0.01));
		},
		async run(input) {
			const read = async (name: string) => {
				if (!Object.hasOwn(input, name)) throw new MissingFileError(`There is no ${name}.`);
				return input[name]!;
			};
			disposeModel((await loadCheckpoint(read)).model);
		},
	},
	rows: {
		share: 10,
		make(random) {
			const form = pick(random, seeds.ROW_FORMS);
			if (random() < 0.6) return lines(form)(random);
			if (random() < 0.5) return { text: bytes(damagedText([form, form], random)) };
			return { text: damagedBytes(bytes(seeds.ROW_TABLE), random) };
		},
		run: ({ text: file }) => void parseRows(text(file)),
	},
	verdicts: {
		share: 5,
		make: lines(seeds.LINES.verdicts),
		run: ({ text: file }) => void parseVerdicts([{ fileName: 'verdicts.jsonl', text: text(file) }]),
	},
	memory: { share: 4, make: lines(seeds.LINES.memory), run: async ({ text: file }) => void (await parseMemory(text(file))) },
	questions: {
		share: 3,
		make: (random) => ({ text: bytes(damagedText(seeds.LINES.questions, random)) }),
		run: async ({ text: file }) => void (await parseQuestions('questions.json', text(file))),
	},
	prompts: { share: 3, make: lines(seeds.LINES.prompts), run: ({ text: file }) => void parsePrompts('prompts.jsonl', text(file)) },
};

/** A safetensors file whose header is damaged as JSON, and whose length says so: what comes behind it is as it was. */
function withDamagedHeader(file: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
	const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
	const header = bytes(JSON.stringify(damagedJson(json(file.subarray(8, 8 + length)), random)) ?? '');
	const damaged = new Uint8Array(8 + header.length + file.length - 8 - length);
	new DataView(damaged.buffer).setBigUint64(0, BigInt(random() < 0.95 ? header.length : Math.floor(random() * 2 ** 40)), true);
	damaged.set(header, 8);
	damaged.set(file.subarray(8 + length), 8 + header.length);
	return damaged;
}

/** Tensors that are held now. */
export const tensorsHeld = (): number => tf.memory().numTensors;
