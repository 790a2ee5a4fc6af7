import type { RunEvent } from './events';
import { readZip } from './folderZip';
import { type ArmId, ARMS, type Experiment } from './schema';

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
