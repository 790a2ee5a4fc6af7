import type { Found } from '$lib/storage/dropped/found';
import { type KeptFiles, keepModel, removeUnfinished } from '$lib/storage/dropped/keep';
import { type FoundModel, lookInto } from '$lib/storage/dropped/look';
import { ModelFileError } from '$lib/storage/fileErrors';

import { oneAtATime } from './oneAtATime';
import type { OwnFolderEvent, OwnFolderRequests } from './ownFolderProtocol';
import { TELL_EVERY_MS } from './pace';
import type { Handlers } from './rpc';

/** Answers the page's requests about the one model that it takes. */
export function ownFolderHandlers(files: KeptFiles, emit: (event: OwnFolderEvent) => void): Handlers<OwnFolderRequests> {
	let found: FoundModel | null = null;
	const alone = oneAtATime();
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
			alone.begin(async (signal) => {
				found = null;
				found = await lookInto(given, { signal, onBytes: teller() });
				return summaryOf(found);
			}),
		keep: () =>
			alone.begin(async (signal) => {
				if (!found) throw new ModelFileError('There is no model to be kept. Give its folder or zip again.');
				await removeUnfinished(files);
				await keepModel(found, files, { signal, onBytes: teller() });
				return summaryOf(found);
			}),
		cancel: () => alone.cancel(),
	};
}

function summaryOf({ given: _, ...found }: FoundModel): Found {
	return found;
}
