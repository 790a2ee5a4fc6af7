import { groups } from 'd3';

import type { ListedLook } from '$lib/conscience/listedModels';

import { sizeInWords } from '../format';

/** The three places that a judge's model can come from, as they are chosen. */
export const MODEL_KINDS = {
	base: 'the model itself, before training',
	listed: 'a model of WebLLM’s own list',
	folder: 'a folder of your own',
} as const;
export type ModelKind = keyof typeof MODEL_KINDS;

/** Models of one family to choose from, the smallest first. */
export interface Family {
	name: string;
	models: { id: string; label: string }[];
}

/** WebLLM's list by family, in the order of their names; those that were not made to judge say so. */
export function familiesOf(listed: readonly ListedLook[]): Family[] {
	return groups(listed, ({ family }) => family)
		.toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
		.map(([name, models]) => ({
			name,
			models: models
				.toSorted((a, b) => (a.megabytes ?? Infinity) - (b.megabytes ?? Infinity))
				.map((model) => ({ id: model.id, label: labelOf(model) })),
		}));
}

function labelOf({ name, family, bits, megabytes, halfPrecision, unsuited, id }: ListedLook): string {
	const short = /-MLC-(\d+)k$/.exec(id);
	const parts = [
		...[family === name ? name : name.slice(family.length + 1), `${bits} bits`],
		...(megabytes === null ? [] : [sizeInWords(megabytes * 1e6)]),
		...(halfPrecision ? ['needs a card with 16-bit numbers'] : []),
		...(short ? [`reads ${Number(short[1]) * 1024} tokens`] : []),
		...(unsuited === null ? [] : [`hardly a judge: ${unsuited}`]),
	];
	return parts.join(', ');
}

/** What somebody typed for the address of a folder: its value, or why it is refused. */
export function readFolderAddress(typed: string): { value: string } | { refusal: string } {
	const said = typed.trim();
	if (/^https?:\/\/[^/]/.test(said) && URL.canParse(said)) return { value: said };
	const came = said === '' ? 'Nothing was typed' : `“${said}” is no address`;
	return { refusal: `${came}. Give the folder’s whole address, as https://example.org/my-model/webllm/.` };
}
