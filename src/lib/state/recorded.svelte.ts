import { untrack } from 'svelte';

import { type Preset, TOLD_WITHIN } from '$lib/experiment/presets';

import type { Lab } from './lab.svelte';
import type { Playback } from './playback.svelte';

let playbacks = $state.raw<Readonly<Record<string, Playback>>>({});

/**
 * The recorded run of a story, which lies beside the page; it stands where it was left when the reader comes back to it. What plays it comes
 * when a page has something to play. @throws when that can't be fetched
 */
async function playbackOf({ id, experiment }: Preset): Promise<Playback> {
	const [{ copiesOf, Playback }, { fetchRecording }] = await Promise.all([import('./playback.svelte'), import('./recording')]);
	const known = playbacks[id];
	if (known) return known;
	const load = async () => copiesOf(await fetchRecording(recordingUrl(id)), experiment);
	const playback = new Playback(load, () => window.matchMedia('(prefers-reduced-motion: reduce)').matches);
	playbacks = { ...playbacks, [id]: playback };
	return playback;
}

const recordingUrl = (story: string): string => new URL(`recorded/${TOLD_WITHIN[story] ?? story}.zip`, document.baseURI).href;

/** What the page shows while nothing was begun and its story stands as it is told: that story's recorded run. Made where a component begins. */
export class RecordedStories {
	/** Until it is known whether the first story has one, and whether it tells of what the page is set to, its place is kept. */
	expected = $state(true);
	/** Null until what plays it has come. */
	readonly playback = $derived.by(() => playbacks[this.lab.preset.id] ?? null);

	/** `charts` resolves once there is something to see it on. */
	constructor(
		private lab: Lab,
		private charts: () => Promise<unknown>,
	) {
		$effect(() => {
			const [story, isShown] = [lab.preset, lab.recordable && !this.expected];
			if (isShown) untrack(() => void this.#show(story));
		});
		$effect(() => {
			const [told, isSeen] = [this.playback, lab.recorded];
			return () => isSeen && told?.pause(); // nobody sees it any more
		});
		$effect(() => {
			if (this.playback) this.playback.rest = lab.pace;
		});
	}

	/** Shows the first one once the store was looked into, and fetches it meanwhile. */
	async begin(lookedInto: Promise<unknown>): Promise<void> {
		if (this.lab.recordable) void this.#open(this.lab.preset);
		try {
			await lookedInto;
			await this.#show(this.lab.preset);
		} finally {
			this.expected = false;
		}
	}

	/** The recorded run of a story, fetched; null where what plays it can't be, and the page is as it would be without one. */
	async #open(story: Preset): Promise<Playback | null> {
		const told = await playbackOf(story).catch(() => null);
		await told?.open();
		return told;
	}

	/** Lets a story's recorded run play where it tells of just what the page is set to. */
	async #show(story: Preset): Promise<void> {
		if (!this.lab.recordable) return;
		const [told] = await Promise.all([this.#open(story), this.charts()]); // it plays for somebody who sees it
		if (!told || this.lab.preset !== story || !told.tells(story.experiment)) return;
		this.lab.recording = { story: story.id, runs: told.runs };
		// Whoever comes back to an interrupted run wants to go on with it.
		if (this.lab.recorded && told.step === 0 && !this.lab.keeping.interrupted) told.begin();
	}
}
