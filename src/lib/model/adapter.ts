/**
 * LoRA adapters as the two files that PEFT reads and writes (huggingface/peft, docs/source/developer_guides/checkpoint.md),
 * so that an adapter trained here opens in Python, and the other way round.
 *
 * PEFT stores what torch's Linear holds: lora_A.weight [R, in] and lora_B.weight [out, R], the layout of our own
 * variables. Nothing is transposed on the way.
 */
import { type AdapterBase, type AdapterReport, checkAdapter, type GivenAdapter, tensorName } from './adapterCheck';
import { peftConfig } from './adapterConfig';
import type { ModelConfig } from './config';
import { loraParts, loraScale, makeLora, type Lora, type LoraConfig, type LoraPart } from './lora';
import { writeSafetensors, type StoredTensor } from './safetensors';
import { projectionPath } from './weights';

export interface AdapterFiles {
	'adapter_config.json': string;
	'adapter_model.safetensors': Uint8Array<ArrayBuffer>;
}

/** The adapter does not fit this model, or does what this lab does not; the message says which and why. */
export class AdapterError extends Error {
	override name = 'AdapterError';
}

export interface AdapterExport {
	/** As a loader finds it: a hub's `Owner/Name`, or a folder. */
	baseModel: string;
	/** Of a hub's: its commit. */
	revision?: string;
	/** The file's notes. */
	metadata?: Record<string, string>;
	/** Folded: for programs that know rank and alpha, and ignore use_rslora and patterns. */
	folded?: boolean;
}

/** The adapter as PEFT's two files; reads A and B back from the backend. */
export async function exportAdapter(lora: Lora, { baseModel, revision, metadata, folded = false }: AdapterExport): Promise<AdapterFiles> {
	// Asked for in one read, so that a step which begins meanwhile can't mix two states of the adapter.
	const numbers = (await lora.weights.data()) as Float32Array;
	const config = folded ? foldedConfig(lora) : lora.config;
	const tensors = new Map<string, StoredTensor>(
		lora.parts.map((part) => {
			const stored = { shape: part.shape, data: numbers.slice(part.offset, part.offset + part.size) };
			const name = tensorName(projectionPath(part.layer, part.projection), part.half);
			return [name, folded ? foldedPart(lora.config, config, part, stored.data) : stored];
		}),
	);
	return {
		'adapter_config.json': `${JSON.stringify(peftConfig({ ...lora, config }, baseModel, revision), null, 2)}\n`,
		'adapter_model.safetensors': writeSafetensors(tensors, { metadata: { format: 'pt', ...metadata } }), // without a format transformers refuses the file
	};
}

/** One rank and one alpha for all modules, the largest rank of them. */
function foldedConfig({ config: { alpha, targetModules }, parts }: Lora): LoraConfig {
	const rank = Math.max(...parts.filter(({ half }) => half === 'A').map(({ shape }) => shape[0]));
	return { rank, alpha, rslora: false, targetModules };
}

/**
 * A half of a module's change for the scale α/R that `folded` has: s·B·A = α/R·B'·A with B' = s·R/α · B. A smaller rank is filled up with rows of A
 * and columns of B that are zero.
 */
function foldedPart(
	config: LoraConfig,
	folded: LoraConfig,
	{ layer, projection, half, shape }: LoraPart,
	data: Float32Array,
): StoredTensor {
	const { rank: R, alpha } = folded;
	if (half === 'A') {
		const filled = new Float32Array(R * shape[1]);
		filled.set(data);
		return { shape: [R, shape[1]], data: filled };
	}
	const factor = (loraScale(config, layer, projection) * R) / alpha;
	const [outputs, rank] = shape;
	const filled = new Float32Array(outputs * R);
	for (let i = 0; i < outputs; i++) for (let j = 0; j < rank; j++) filled[i * R + j] = data[i * rank + j]! * factor;
	return { shape: [outputs, R], data: filled };
}

/** An adapter from PEFT's files as variables that can be trained on. @throws AdapterError with all reasons why it does not fit the model */
export function importAdapter(model: ModelConfig, files: GivenAdapter, base: Omit<AdapterBase, 'config'> = {}): Lora {
	return checkedAdapter(model, checkAdapter({ config: model, ...base }, files));
}

/** The adapter of a report on it. @throws AdapterError with all reasons why it does not fit the model */
export function checkedAdapter(model: ModelConfig, { adapter, reasons }: AdapterReport): Lora {
	if (!adapter) throw new AdapterError(allReasons(reasons));
	const { config, modules, tensors } = adapter;
	return makeLora(
		config,
		model.numHiddenLayers,
		loraParts(model, config, (layer, projection) => modules.has(projectionPath(layer, projection))),
		(numbers, { layer, projection, half }) => numbers.set(tensors.get(tensorName(projectionPath(layer, projection), half))!.data),
	);
}

const MOST_TOLD = 10;

/** The reasons as one text, in which each can be found. */
export function allReasons(reasons: readonly string[]): string {
	if (reasons.length === 1) return reasons[0]!;
	const told = reasons.slice(0, MOST_TOLD).map((reason, i) => `(${i + 1}) ${reason}`);
	const more = reasons.length > MOST_TOLD ? `; and ${reasons.length - MOST_TOLD} more` : '';
	return `the adapter does not fit, for ${reasons.length} reasons: ${told.join('; ')}${more}`;
}
