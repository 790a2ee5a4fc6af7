import { forRealModel, type SettingChange } from '$lib/experiment/modelSettings';
import type { Experiment } from '$lib/experiment/schema';
import { droppedName } from '$lib/model/droppedName';
import { listModels, removeModel } from '$lib/storage/dropped/keep';
import { createModelFiles } from '$lib/storage/modelFiles';
import { askToPersist } from '$lib/storage/room';
import OwnFolderWorker from '$lib/worker/ownFolder.worker?worker';

import { lab } from './index';
import { OwnFolder } from './ownFolder.svelte';

const files = createModelFiles();

/** The one of this page. */
export const ownFolder = new OwnFolder(
	() => new OwnFolderWorker({ name: 'own folder' }),
	{ list: () => listModels(files), remove: (sha256) => removeModel(sha256, files) },
	askToPersist,
);

/** What changes in the experiment beside the model when one of these is used. */
export const changesOf = (experiment: Experiment): readonly SettingChange[] => forRealModel(experiment, '').changes;

/** Opens the lab with a kept model in its experiment. */
export const useInLab = (sha256: string): void => lab.load(forRealModel(lab.experiment, droppedName(sha256)).experiment);
