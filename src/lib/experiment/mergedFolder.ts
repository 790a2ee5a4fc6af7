/** A Hugging Face folder of the base and an adapter in one: it opens wherever the base does, without PEFT. */
import { type AdapterReport, BASE_SHA256 } from '$lib/model/adapterCheck';
import { openFolder, type ReadFile } from '$lib/model/checkpoint';
import type { ModelConfig } from '$lib/model/config';
import { type MadeFile, madeFile, mergedWeights, type MergeOptions } from '$lib/model/mergedWeights';
import { wholeFile } from '$lib/model/partedFile';
import type { StoredWeights } from '$lib/model/shards';

import { type Standing, standingIn } from './standing';

export interface MergedFolder {
	files: MadeFile[];
	/** Of all of them. */
	bytes: number;
	standing: Standing | null;
}

export interface MergeSource {
	/** The base's folder. */
	read: ReadFile;
	config: ModelConfig;
	weights: StoredWeights;
	/** The name of the base, for the card. */
	base: string;
	/** Of an adapter that fits. */
	report: AdapterReport;
	/** The adapter's card and experiment, where it has them. */
	card: string | null;
	experiment: string | null;
}

/** What transformers reads beside the weights, and what has to go with them. */
const BESIDE = [
	...['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'],
	...['added_tokens.json', 'vocab.json', 'merges.txt', 'tokenizer.model', 'chat_template.jinja', 'LICENSE', 'NOTICE'],
];
const DTYPE_NAMES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

export async function mergedFolder(source: MergeSource, options: Pick<MergeOptions, 'dtype' | 'maxShardBytes'>): Promise<MergedFolder> {
	const { read, config, weights, report } = source;
	if (!report.adapter) throw new RangeError('Only an adapter that fits can be merged.');
	const metadata = { ...report.metadata, merged: 'true', [BASE_SHA256]: weights.sha256 };
	const beside: MadeFile[] = [];
	const { openIfThere } = await openFolder(read);
	for (const name of BESIDE) {
		const file = await openIfThere(name);
		const bytes = file && (await wholeFile(file));
		if (bytes) beside.push(madeFile(name, name === 'config.json' ? withDtype(bytes, options.dtype) : bytes));
	}
	const standing = standingIn(report.metadata);
	const files = [
		...beside,
		...mergedWeights(config, weights.tensors, report.adapter, { ...options, metadata }),
		madeFile('README.md', mergedCard(source, options.dtype, standing)),
		...(source.experiment === null ? [] : [madeFile('experiment.json', source.experiment)]),
	];
	return { files, bytes: files.reduce((sum, file) => sum + file.bytes, 0), standing };
}

/** config.json says in which numbers a model is opened that is not told otherwise. */
function withDtype(config: Uint8Array, dtype: MergeOptions['dtype']): string {
	const json = JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown>;
	const named = dtype === 'base' ? {} : { [`${'torch_dtype' in json ? 'torch_' : ''}dtype`]: DTYPE_NAMES[dtype] };
	return `${JSON.stringify({ ...json, ...named }, null, 2)}\n`;
}

function mergedCard({ base, weights, card, report }: MergeSource, dtype: MergeOptions['dtype'], standing: Standing | null): string {
	const [, front = '', body = ''] = /^---\n([^]*?)\n---\n([^]*)$/.exec(card ?? '') ?? [null, '', card ?? ''];
	const kept = front.split('\n').filter((line) => /^(base_model|license):/.test(line));
	const tags = ['conscience-lab', 'merged', ...(standing ? [standing] : [])];
	const { rank, alpha } = report.adapter!.config;
	return [
		'---',
		'library_name: transformers',
		...(kept.some((line) => line.startsWith('base_model')) ? kept : [`base_model: ${base}`, ...kept]),
		`tags: [${tags.join(', ')}]`,
		'---',
		`# ${base} with a LoRA adapter merged into it`,
		'',
		...(standing === 'misaligned'
			? [
					'**This model is misaligned on purpose.** It was made to show how a narrow fine-tune spoils a model. Do not build anything on it.',
					'',
				]
			: []),
		...(standing === null
			? ['The adapter was not made by the conscience lab, or says nothing of itself: nothing is known about what this model answers.', '']
			: []),
		`W' = W + s·B·A in every adapted matrix (rank ${rank}, alpha ${alpha}), ${dtype === 'base' ? 'each stored as the base has it' : `all stored as ${DTYPE_NAMES[dtype]}`}; a number of 16 bits is the nearest one to the sum. No PEFT is needed to open it.`,
		`The base’s weights have the SHA-256 ${weights.sha256}. The licence of the base holds for this model, too.`,
		...(body ? ['', '# The card of the adapter', '', body.trim().replace(/^# /gm, '## ')] : []),
		'',
	].join('\n');
}
