/** What the names of WebLLM's own list say of its models: of which family each is, how large, in which numbers, and whether it can judge. */
import { isHalfPrecision, JudgeFitError, type ListedModel } from './judgePlan';

/** A model of the list as a reader chooses it. */
export interface ListedLook {
	id: string;
	/** As its publisher calls it: 'Qwen2.5-0.5B-Instruct'. */
	name: string;
	/** 'Qwen2.5'; of a name that says no size, the name. */
	family: string;
	/** Its parameters as the name gives them: '0.5B'; null where it doesn't. */
	size: string | null;
	/** Of a weight: 16 or 32 where they are as they were published, fewer where they were rounded. */
	bits: number;
	/** Of the GPU's memory, by WebLLM's estimate. */
	megabytes: number | null;
	/** It needs an adapter that computes with 16 bits. */
	halfPrecision: boolean;
	/** Why it is no judge, in words; null where it was made to follow instructions. */
	unsuited: string | null;
}

const BUILD = /-q(\d+)f(16|32)(?:_\d)?-MLC(?:-\d+k)?$/;
const SIZE = /^(.+?)-(\d+(?:[._]\d+)?[BM])(?=-|$)/i;

const UNSUITED: readonly (readonly [name: RegExp, why: string])[] = [
	[/(^|-)Base(-|$)|^phi-/, 'made to go on with a text, not to follow an instruction'],
	[/(^|-)Coder(-|$)/, 'made to write code'],
	[/(^|-)Math(-|$)|^WizardMath/, 'made to calculate'],
	[/(^|-)(Reasoning|R1)(-|$)/, 'made to think aloud before it answers'],
];

export function lookOf(model: ListedModel & { vram_required_MB?: number | undefined }): ListedLook {
	const { model_id: id } = model;
	const name = id.replace(BUILD, '');
	const [, family = name, size = null] = SIZE.exec(name) ?? [];
	return {
		...{ id, name, family, size: size?.replace('_', '.').toUpperCase() ?? null },
		bits: bitsOf(id),
		megabytes: model.vram_required_MB ?? null,
		halfPrecision: isHalfPrecision(model),
		unsuited: UNSUITED.find(([pattern]) => pattern.test(name))?.[1] ?? null,
	};
}

function bitsOf(id: string): number {
	const [, weightBits = '0', floatBits = '32'] = BUILD.exec(id) ?? [];
	return Number(weightBits === '0' ? floatBits : weightBits);
}

/**
 * The very model called `name` (that of its repository, without its owner) as the list has it: with its weights as they were published
 * before rounded ones, and with 16 bits where the adapter computes with them, which takes half the memory.
 * @throws JudgeFitError where the list has none
 */
export function listedTwin<Model extends ListedModel>(name: string, list: readonly Model[], { f16 }: { f16: boolean }): Model {
	const inBits = (half: boolean) => (half ? '16' : '32');
	const order = [0, 4].flatMap((bits) => (f16 ? [true, false] : [false]).map((half) => `${name}-q${bits}f${inBits(half)}`.toLowerCase()));
	for (const wanted of order) {
		const found = list.find(({ model_id: id }) => id.toLowerCase().replace(/(_\d)?-mlc$/, '') === wanted);
		if (found) return found;
	}
	throw new JudgeFitError(
		`WebLLM has no ${name} that could run here, so it can’t be the judge there. Let the frozen copy in the trainer judge: it is the same model with the same weights. Or compile the model’s folder for WebLLM (npm run organism:webllm), or choose another judge of WebLLM’s list.`,
	);
}

/** How near a twin of the list is to the frozen copy in the trainer, for a reader. */
export function twinInWords(id: string): string {
	const bits = bitsOf(id);
	if (bits >= 16) return 'It is the model in training itself, as it was published.';
	return `It is the model in training itself, its weights rounded to ${bits} bits by whoever compiled it: its verdicts may differ a little from those of the frozen copy in the trainer.`;
}
