import type { RunEvent } from '$lib/experiment/events';
import { readZip } from '$lib/experiment/folderZip';
import { type ArmId, ARMS, type Experiment } from '$lib/experiment/schema';

/** Runs of one experiment, computed earlier: every arm with all that it told. */
export interface Recording {
	experiment: Experiment;
	copies: readonly { arm: ArmId; events: readonly RunEvent[] }[];
}

/** The runs in a zip of run folders, in the order of ARMS. @throws FolderError when the zip can't be read */
export function readRecording(zip: Uint8Array): Recording {
	const folders = readZip(zip);
	const copies = ARMS.flatMap((arm) => folders.find((folder) => folder.arm === arm) ?? []);
	const [first] = copies as [(typeof copies)[number]]; // a zip without a run is no recording, and was refused
	return {
		experiment: { ...first.experiment, arms: copies.map(({ arm }) => arm) },
		copies: copies.map(({ arm, events }) => ({ arm, events })),
	};
}

/** Fetches a recording that lies beside the page. @throws when it isn't there or can't be read */
export async function fetchRecording(url: string): Promise<Recording> {
	const response = await fetch(url);
	if (!response.ok) throw new RangeError(`There is no recording at ${url} (status ${response.status}).`);
	return readRecording(new Uint8Array(await response.arrayBuffer()));
}
