import { kindOfModel } from '$lib/state/judgeSource';
import type { ListedJudge } from '$lib/worker/judgeProtocol';

import { sizeInWords } from '../format';

/** The three places that a judge's model can come from, as they are chosen. */
export const MODEL_KINDS = {
	base: 'the model itself, before training',
	listed: 'a model of WebLLM’s own list',
	folder: 'a folder of your own',
} as const;
export type ModelKind = keyof typeof MODEL_KINDS;

/** A model to choose. Some browsers show its label beside the name, others in its place. */
export interface Offer {
	id: string;
	label: string;
}

/** The models of WebLLM's list that were made to follow instructions, those that need the least memory first. */
export function offersOf(listed: readonly ListedJudge[]): Offer[] {
	return listed
		.filter(({ suited }) => suited)
		.toSorted((a, b) => (a.megabytes ?? Infinity) - (b.megabytes ?? Infinity))
		.map(({ id, megabytes, halfPrecision }) => {
			const needs = [megabytes === null ? [] : sizeInWords(megabytes * 1e6), halfPrecision ? '16 bits' : []].flat();
			return { id, label: [id.replace(/-(Instruct|MLC|it|chat)(?=-|$)/gi, ''), ...needs].join(', ') };
		});
}

/** What somebody typed for a model of this kind: its value, or why it is refused. The list is null until it was read. */
export function readJudgeModel(
	typed: string,
	kind: 'listed' | 'folder',
	listed: readonly ListedJudge[] | null,
): { value: string } | { refusal: string } {
	const said = typed.trim();
	if (kindOfModel(said) === 'folder' || kind === 'folder') return readAddress(said);
	if (said === '') return { refusal: 'Nothing was typed. Choose a model of the list by its name.' };
	const lower = said.toLowerCase();
	const found = listed?.find(({ id }) => id.toLowerCase() === lower);
	if (found) return { value: found.id };
	if (!listed) return { value: said }; // whoever loads it says whether there is such a model
	const near = offersOf(listed).filter(({ id }) => id.toLowerCase().includes(lower));
	const meant = near.length > 0 ? ` Did you mean ${listOf(near.slice(0, 3).map(({ id }) => id))}?` : '';
	return { refusal: `WebLLM’s list has no model “${said}”.${meant} Type a part of a name, and choose from those that are offered.` };
}

const listOf = (names: readonly string[]) => new Intl.ListFormat('en', { type: 'disjunction' }).format(names);

function readAddress(said: string): { value: string } | { refusal: string } {
	if (/^https?:\/\/[^/]/.test(said) && URL.canParse(said)) return { value: said };
	const came = said === '' ? 'Nothing was typed' : `“${said}” is no address`;
	return { refusal: `${came}. Give the folder’s whole address, as https://example.org/my-model/webllm/.` };
}
