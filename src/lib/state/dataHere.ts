import LabWorker from '$lib/worker/lab.worker?worker';

import { DataShown } from './dataShown.svelte';

/** Looks at the data on this page. */
export const lookAtData = (): DataShown => new DataShown(() => new LabWorker({ name: 'data' }));
