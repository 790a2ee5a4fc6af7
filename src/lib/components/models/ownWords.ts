import { bytesOf } from '$lib/state/ownFolder.svelte';
import type { Found } from '$lib/storage/dropped/found';

import { count, fixed, sizeInWords } from '../format';

const FAMILIES: Readonly<Record<string, string>> = { llama: 'Llama', qwen2: 'Qwen2', qwen3: 'Qwen3' };
/** How a number of the weights is stored, by safetensors' name. */
const DTYPES: Readonly<Record<string, string>> = {
	F32: '32-bit floats (F32)',
	F16: '16-bit floats (F16)',
	BF16: '16-bit brain floats (BF16)',
};

/** How many numbers a model consists of. */
function parametersInWords(parameters: number): string {
	if (parameters >= 1e9) return `${fixed(parameters / 1e9, 2)} billion`;
	return parameters >= 1e6 ? `${fixed(parameters / 1e6, 1)} million` : count(parameters, '', '').trim();
}

/** What a list tells of one. */
export const factsInWords = (model: Found): string =>
	`${parametersInWords(model.parameters)} parameters, ${sizeInWords(bytesOf(model))}, SHA-256 ${model.sha256.slice(0, 12)}…`;

/** What a student wants to know of a model, by name. */
export function modelInWords(found: Found): [string, string][] {
	return [
		['Called', found.name],
		['Family', `${FAMILIES[found.family] ?? found.family}, ${count(found.layers, 'layer', 'layers')}`],
		['Parameters', parametersInWords(found.parameters)],
		['Stored as', found.dtypes.map((dtype) => DTYPES[dtype] ?? dtype).join(' and ')],
		['Takes in this browser', sizeInWords(bytesOf(found))],
		['SHA-256 of its weights, by which the experiment names it', found.sha256],
	];
}
