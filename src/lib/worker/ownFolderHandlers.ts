import type { Found } from '$lib/storage/dropped/found';
import { type KeptFiles, keepModel, removeUnfinished } from '$lib/storage/dropped/keep';
import { type FoundModel, lookInto } from '$lib/storage/dropped/look';
import { ModelFileError } from '$lib/storage/fileErrors';

import type { OwnFolderEvent, OwnFolderRequests } from './ownFolderProtocol';
import type { Handlers } from './rpc';

/** Progress is told at most this often, in ms. */
const TELL_EVERY_MS = 100;

/** Answers the page's requests about the one model that it takes. */
export function ownFolderHandlers(files: KeptFiles, emit: (event: OwnFolderEvent) => void): Handlers<OwnFolderRequests> {
	let found: FoundModel | null = null;
	let underWay: { controller: AbortController; ended: Promise<unknown> } | null = null;

	const cancel = async () => {
		underWay?.controller.abort();
		await underWay?.ended;
	};
	/** One thing at a time: a later one ends the one under way. */
	const alone = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
		await cancel();
		const controller = new AbortController();
		const working = work(controller.signal);
		underWay = { controller, ended: working.catch(() => {}) };
		return working;
	};
	const teller = () => {
		let told = -Infinity;
		return (done: number, total: number) => {
			if (performance.now() - told < TELL_EVERY_MS && done < total) return;
			told = performance.now();
			emit({ kind: 'bytes', done, total });
		};
	};

	return {
		look: ({ given }) =>
			alone(async (signal) => {
				found = null;
				found = await lookInto(given, { signal, onBytes: teller() });
				return summaryOf(found);
			}),
		keep: () =>
			alone(async (signal) => {
				if (!found) throw new ModelFileError('There is no model to be kept. Give its folder or zip again.');
				await removeUnfinished(files);
				await keepModel(found, files, { signal, onBytes: teller() });
				return summaryOf(found);
			}),
		cancel,
	};
}

function summaryOf({ given: _, ...found }: FoundModel): Found {
	return found;
}
