import { Playback } from './playback.svelte';

/** The recorded run of the first story, which lies beside the page. */
export const playback = new Playback(
	async () => (await import('./recording')).fetchRecording(new URL('recorded/twin.zip', document.baseURI).href),
	() => window.matchMedia('(prefers-reduced-motion: reduce)').matches,
);
