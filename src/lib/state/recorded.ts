import { Playback } from './playback.svelte';
import { fetchRecording } from './recording';

/** The recorded run of the first story, which lies beside the page. */
export const playback = new Playback(
	() => fetchRecording(new URL('recorded/twin.zip', document.baseURI).href),
	() => window.matchMedia('(prefers-reduced-motion: reduce)').matches,
);
