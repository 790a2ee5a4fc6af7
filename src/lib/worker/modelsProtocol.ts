import type { ModelFit, RowTokens } from '$lib/experiment/modelFit';
import type { Experiment } from '$lib/experiment/schema';
import type { HubName } from '$lib/model/hubFolder';

import type { FilesStanding } from './openInTurn';
import type { Engine } from './protocol';

/** A model of a hub before its weights are fetched. */
export interface ModelOutlook {
	/** Its revision is the commit. */
	name: HubName;
	/** What an experiment names it by. */
	folder: string;
	license: string | null;
	gated: boolean;
	/** Why its files can't be read as yet; null where they can, and then the rest is known. */
	locked: string | null;
	/** As its config.json says: `llama`; and numbers in its weights. */
	family: string | null;
	parameters: number | null;
	totalBytes: number;
	/** Of it, what is not here yet. */
	missingBytes: number;
	/** False where the browser refuses to keep files: they are fetched each time. */
	kept: boolean;
}

/** Files in this browser that belong together. */
export interface StoredModel {
	/** The address that they lie under. */
	folder: string;
	/** Null for what is not of a hub at one commit, as a judge of WebLLM. */
	name: HubName | null;
	bytes: number;
	/** Something of it has still to come. */
	partial: boolean;
}

/** What the page Models may ask of its worker. One look or download at a time: a later one ends the one under way. */
export interface ModelsRequests {
	/** Rejects with ModelFileError and its kinds, ModelConfigError where the lab can't run such a model, and AbortError. */
	look: { params: { name: HubName; token: string | null }; result: ModelOutlook };
	/** Of a model that was looked at. `machine` tells on what. */
	fit: {
		params: { folder: string; experiment: Experiment; engine: Engine; tokens: RowTokens };
		result: { fit: ModelFit; machine: string };
	};
	/** Fetches what is missing. Rejects as `look`; what came stays. */
	download: { params: { folder: string; token: string | null }; result: void };
	cancel: { params: null; result: void };
	list: { params: null; result: StoredModel[] };
	/** All files below it; waits until nobody downloads them. */
	remove: { params: { folder: string }; result: void };
}

export type ModelsEvent =
	/** The worker lives as long as the Web Lock of this name is held. */
	| { kind: 'alive'; lock: string }
	| ({ kind: 'files' } & FilesStanding)
	/** The hub wants to be left alone for so long; null once that is over. */
	| { kind: 'waiting'; seconds: number | null };
