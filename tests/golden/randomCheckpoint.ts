import type { ModelConfig } from '$lib/model/config';
import type { Precision } from '$lib/model/halfPrecision';
import { initLora, restoreLora, type Lora, type LoraConfig } from '$lib/model/lora';
import type { StoredTensor } from '$lib/model/safetensors';
import { buildWeights, checkpointShapes, projectionPath, type Model } from '$lib/model/weights';

/** `count` numbers in [-1, 1) from a linear congruential generator: `numbers` of decoder.py. */
export function numbers(seed: number, count: number): Float32Array {
	let state = Math.imul(seed, 2654435761) >>> 0;
	return Float32Array.from({ length: count }, () => {
		state = (Math.imul(1664525, state) + 1013904223) >>> 0;
		return state / 2 ** 31 - 1;
	});
}

/** `fill` of decoder.py: the tensors that it makes from the same names and shapes. */
export function fill(shapes: Map<string, number[]>, firstSeed: number): Map<string, StoredTensor> {
	const tensors = new Map<string, StoredTensor>();
	[...shapes.keys()].sort().forEach((name, i) => {
		const shape = shapes.get(name)!;
		const size = shape.reduce((a, b) => a * b);
		const scaled = (value: number) => {
			if (shape.length === 1) return name.endsWith('.bias') ? 0.2 * value : 1 + 0.2 * value;
			return value * (name.includes('embed') ? 0.1 : Math.sqrt(3 / shape[1]!));
		};
		tensors.set(name, { shape, data: numbers(firstSeed + i, size).map(scaled) });
	});
	return tensors;
}

/** The model that decoder.py made from `seed`. */
export function randomModel(config: ModelConfig, seed: number, precision: Precision = 'f32'): Model {
	return { config, weights: buildWeights(config, fill(checkpointShapes(config), seed), precision) };
}

/** The names that PEFT gives an adapter's tensors, in the order of its parts. */
export function loraNames({ parts }: Lora): string[] {
	return parts.map(({ layer, projection, half }) => `${projectionPath(layer, projection)}.lora_${half}`);
}

/** The adapter that decoder.py made from `seed`; its B is not zero. */
export function randomLora(model: ModelConfig, config: LoraConfig, seed: number): Lora {
	const lora = initLora(model, config, () => 0);
	const names = loraNames(lora);
	const tensors = fill(new Map(lora.parts.map(({ shape }, i) => [names[i]!, shape])), seed);
	restoreLora(
		lora,
		names.map((name) => tensors.get(name)!.data),
	);
	return lora;
}
