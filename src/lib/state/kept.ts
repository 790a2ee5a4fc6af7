import { filesInWorker } from '$lib/worker/files';
import FilesWorker from '$lib/worker/files.worker?worker';

import { KeptRuns } from './runs.svelte';

/** The kept runs of this page. */
export const keptRuns = new KeptRuns(filesInWorker(() => new FilesWorker({ name: 'files' })));
