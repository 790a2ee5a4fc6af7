import type { AskedInPython } from '$lib/worker/files';
import { filesInWorker } from '$lib/worker/files';
import FilesWorker from '$lib/worker/files.worker?worker';

import { checkpointUrl } from './place';

/** The experiment as a zip of a folder for TRL and PEFT. @throws ExperimentError that names what Python can't do */
export const pythonZip = (asked: Omit<AskedInPython, 'modelUrl'>): Promise<Uint8Array<ArrayBuffer>> =>
	filesInWorker(() => new FilesWorker({ name: 'python' })).python({ ...asked, modelUrl: checkpointUrl(asked.experiment.model.checkpoint) });
