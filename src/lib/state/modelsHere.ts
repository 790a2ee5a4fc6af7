import { askToPersist } from '$lib/storage/room';
import ModelsWorker from '$lib/worker/models.worker?worker';

import { lab } from './index';
import { Models } from './models.svelte';

/** The models of this page and browser; they come with the part that shows them. */
export const models = new Models(() => new ModelsWorker({ name: 'models' }), lab, askToPersist);
