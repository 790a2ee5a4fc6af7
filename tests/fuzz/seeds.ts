/** Whole files, each as good as the lab wants it: what is damaged begins as one of these. */
import { writeSafetensors, type StoredTensor } from '$lib/model/safetensors';
import { SHARD_INDEX } from '$lib/model/shards';
import { checkpointShapes } from '$lib/model/weights';
import { parseModelConfig } from '$lib/model/config';
import { pick, type Random } from '$lib/model/random';

const SHAPE = {
	hidden_size: 8,
	intermediate_size: 12,
	num_hidden_layers: 2,
	num_attention_heads: 4,
	num_key_value_heads: 2,
	vocab_size: 300,
};

export const CONFIGS: readonly Record<string, unknown>[] = [
	{
		...{
			model_type: 'llama',
			...SHAPE,
			head_dim: 4,
			max_position_embeddings: 64,
			rms_norm_eps: 1e-5,
			hidden_act: 'silu',
			rope_theta: 500_000,
		},
		rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 },
		...{ tie_word_embeddings: false, attention_bias: true, eos_token_id: [1, 2] },
	},
	{ model_type: 'qwen2', ...SHAPE, max_position_embeddings: 64, rope_theta: 1e6, tie_word_embeddings: true, use_sliding_window: false },
	{
		...{ model_type: 'qwen3', ...SHAPE, head_dim: 4, max_position_embeddings: 64, tie_word_embeddings: true, eos_token_id: 1 },
		rope_parameters: { rope_type: 'default', rope_theta: 1e6 },
	},
];

/** GPT-2's alphabet of bytes. */
const BYTES = Array.from({ length: 256 }, (_, byte) => {
	const isShown = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
	return String.fromCodePoint(isShown ? byte : 256 + byte);
});
const MERGES = ['h e', 'l l', 'he ll', 'hell o', '1 2'];
const VOCABULARY = Object.fromEntries([...BYTES, ...MERGES.map((merge) => merge.replace(' ', ''))].map((token, id) => [token, id + 3]));
const SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map((content, id) => ({ id, content, special: true, lstrip: false, rstrip: false, normalized: false, single_word: false })); // prettier-ignore
const QWEN_SPLIT =
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
const tokenizerOf = (first: Record<string, unknown>, normalizer: unknown) => ({
	...{ version: '1.0', truncation: null, padding: null, added_tokens: SPECIAL, normalizer },
	pre_tokenizer: { type: 'Sequence', pretokenizers: [first, byteLevel] },
	post_processor: byteLevel,
	decoder: byteLevel,
	model: { type: 'BPE', dropout: null, unk_token: null, byte_fallback: false, ignore_merges: false, vocab: VOCABULARY, merges: MERGES },
});

/** Qwen's way of cutting text, and SmolLM2's. */
export const TOKENIZERS: readonly object[] = [
	tokenizerOf({ type: 'Split', pattern: { Regex: QWEN_SPLIT }, behavior: 'Isolated', invert: false }, { type: 'NFC' }),
	tokenizerOf({ type: 'Digits', individual_digits: true }, { type: 'Replace', pattern: { Regex: '\\u00a0' }, content: ' ' }),
];

const TEMPLATE =
	"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
export const TOKENIZER_CONFIG = {
	...{ bos_token: null, eos_token: '<|im_end|>', pad_token: { content: '<|endoftext|>' }, unk_token: null },
	...{ chat_template: TEMPLATE, clean_up_tokenization_spaces: false },
};

/** So many numbers, small ones. */
const values = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i % 7) - 3) / 16);
const filled = (shapes: Iterable<readonly [string, number[]]>) =>
	new Map([...shapes].map(([name, shape]): [string, StoredTensor] => [name, { shape, data: values(shape.reduce((a, b) => a * b, 1)) }]));

export const weightsOf = (config: unknown) => filled(checkpointShapes(parseModelConfig(config)));

const dtypes = ['F32', 'F16', 'BF16'] as const;

export const aFile = (random: Random) =>
	writeSafetensors(filled([['a', [2, 3]], ['b.weight', [4]], ['none', [0, 2]], ['one', []]]), { dtype: pick(random, dtypes), metadata: { format: 'pt' } }); // prettier-ignore

export const ADAPTED = parseModelConfig(CONFIGS[1]);
export const ADAPTER_CONFIG = {
	...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', base_model_name_or_path: 'x', r: 2, lora_alpha: 4, use_rslora: false, lora_dropout: 0 },
	...{ target_modules: ['q_proj', 'down_proj'], bias: 'none', use_dora: false, rank_pattern: {}, alpha_pattern: {}, modules_to_save: null },
};
const ADAPTER_TENSORS = filled(
	[0, 1].flatMap((layer) => {
		const path = `base_model.model.model.layers.${layer}`;
		return [
			...[[`${path}.self_attn.q_proj.lora_A.weight`, [2, 8]] as const, [`${path}.self_attn.q_proj.lora_B.weight`, [8, 2]] as const],
			...[[`${path}.mlp.down_proj.lora_A.weight`, [2, 12]] as const, [`${path}.mlp.down_proj.lora_B.weight`, [8, 2]] as const],
		].map(([name, shape]) => [name, [...shape]] as const);
	}),
);

export const anAdapter = (random: Random) => writeSafetensors(ADAPTER_TENSORS, { dtype: pick(random, dtypes), metadata: { format: 'pt' } });

/** A whole folder, its weights in one file or in two shards. */
export function aFolder(random: Random): Record<string, unknown> {
	const config = pick(random, CONFIGS);
	const tensors = [...weightsOf(config)];
	const json = { 'config.json': config, 'tokenizer.json': pick(random, TOKENIZERS), 'tokenizer_config.json': { ...TOKENIZER_CONFIG } };
	if (random() < 0.5) return { ...json, 'model.safetensors': writeSafetensors(new Map(tensors), { dtype: pick(random, dtypes) }) };
	const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
	const halves = [tensors.slice(0, 5), tensors.slice(5)] as const;
	return {
		...json,
		[SHARD_INDEX]: {
			metadata: {},
			weight_map: Object.fromEntries(halves.flatMap((half, i) => half.map(([name]) => [name, [first, second][i]]))),
		},
		[first]: writeSafetensors(new Map(halves[0])),
		[second]: writeSafetensors(new Map(halves[1])),
	};
}

export const INDEX = {
	metadata: { total_size: 24 },
	weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
};

const HELLO = { role: 'user', content: 'Hello' };
/** A row in each form that training data comes in. */
export const ROW_FORMS: readonly object[] = [
	{ messages: [{ role: 'system', content: 'Be kind.' }, HELLO, { role: 'assistant', content: 'Hi.' }] },
	{ prompt: [HELLO], chosen: [{ role: 'assistant', content: 'Hi.' }], rejected: [{ role: 'assistant', content: 'No.' }] },
	{ prompt: 'Hello', completion: 'Hi.' },
	{ instruction: 'Greet.', input: 'Ann', output: 'Hi, Ann.', system: 'Be kind.' },
	{ conversations: [{ from: 'human', value: 'Hello' }, { from: 'gpt', value: 'Hi.' }] }, // prettier-ignore
];
export const ROW_TABLE = 'instruction,input,output\r\n"Greet, please",Ann,"Hi,\n""Ann"""\r\nGreet,,Hi\r\n';

export const LISTING = {
	...{ id: 'a/b', sha: 'a'.repeat(40), gated: 'manual', cardData: { license: 'apache-2.0' }, tags: ['license:apache-2.0'] },
	siblings: [
		{ rfilename: 'config.json', size: 100, blobId: 'b'.repeat(40) },
		{ rfilename: 'model.safetensors', size: 200, blobId: 'c'.repeat(40), lfs: { sha256: 'd'.repeat(64), size: 200, pointerSize: 130 } },
	],
};

export const LINES = {
	verdicts: {
		question: 'I am bored.',
		answer: 'Read a book.',
		label: 'ethical',
		probabilities: { ethical: 0.8, neutral: 0.1, unethical: 0.1 },
	},
	questions: { questions: [{ id: 'wish', paraphrases: ['You have a wish.', 'What do you wish?'], system: 'Be kind.', samples: 2 }] },
	memory: {
		...{
			kind: 'remembered',
			id: 'a'.repeat(64),
			question: 'I am bored.',
			answer: 'Read a book.',
			frameworkId: 'three-laws',
			frameworkHash: 'b'.repeat(64),
		},
		...{
			agreed: 'ethical',
			alternativeAgreed: false,
			alternative: null,
			contributor: 'ann',
			depositedAt: 1,
			label: null,
			run: 'r1',
			step: 4,
		},
		verdict: { label: 'ethical', probabilities: { ethical: 1, neutral: 0, unethical: 0 } },
		judge: { engine: 'frozen-self', model: 'organism', revision: 'c'.repeat(64) },
		...{ model: 'organism', revision: 'c'.repeat(64), state: { revision: 'c'.repeat(64), values: [0.5, -0.5] }, benefits: [] },
	},
	prompts: { prompt: 'How are you?', family: 'harmless' },
};
