import type { Recording } from '$lib/experiment/recording';
import { filesInWorker } from '$lib/worker/files';
import FilesWorker from '$lib/worker/files.worker?worker';

/** Fetches a recording that lies beside the page, and reads it where the page does not wait for it. @throws when it isn't there or can't be read */
export const fetchRecording = (url: string): Promise<Recording> => filesInWorker(() => new FilesWorker({ name: 'files' })).recording(url);
