import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { JudgeFile, OpenFile } from '$lib/conscience/judgePlan';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const organism = (name: string) => readFileSync(new URL(`../../static/organism/${name}`, import.meta.url), 'utf8');

/** The files of a small judge with the organism's tokenizer, as texts; `changes` replace some of them, or leave them out. */
export function judgeFolder(changes: Record<string, unknown> = {}): Record<string, string> {
	const contents = {
		'mlc-chat-config.json': {
			context_window_size: 100,
			model_config: { num_hidden_layers: 2, num_key_value_heads: 3, head_dim: 4 },
			conv_template: { roles: {} },
		},
		'tensor-cache.json': { records: [{ dataPath: 'params_shard_0.bin', nbytes: 5e6, records: [{ nbytes: 4e6 }, { nbytes: 1e6 }] }] },
		'tokenizer.json': organism('tokenizer.json'),
		'tokenizer_config.json': organism('tokenizer_config.json'),
		'params_shard_0.bin': 'weights',
		'gpu.wasm': 'for GPUs',
		'software.wasm': 'for CPUs',
		...changes,
	};
	return Object.fromEntries(
		Object.entries(contents).flatMap(([name, content]) =>
			content === undefined ? [] : [[name, typeof content === 'string' ? content : JSON.stringify(content)] as const],
		),
	);
}

/** What the folder says of its files. */
export function manifestOf(folder: Record<string, string>, changes: object = {}): string {
	const files = Object.entries(folder).map(([path, content]) => ({ path, bytes: content.length, sha256: sha256(content) }));
	return JSON.stringify({
		dtype: 'float32',
		libraries: { gpu: 'gpu.wasm', software: 'software.wasm' },
		weights: null,
		versions: {},
		files,
		...changes,
	});
}

/** Opens files of the folder, and notes which. */
export function opener(folder: Record<string, string>): OpenFile & { opened: JudgeFile[] } {
	const opened: JudgeFile[] = [];
	const open = async (file: JudgeFile) => {
		opened.push(file);
		const content = folder[file.name];
		if (content === undefined) throw new Error(`There is no ${file.name}.`);
		return new Blob([content]);
	};
	return Object.assign(open, { opened });
}
