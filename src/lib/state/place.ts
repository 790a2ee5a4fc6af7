import { route } from '$lib/router.svelte';

let lastQuery = '';

/** The lab's link is the query of the path `/`; on the other pages it stays what it was, and so does the lab. */
export const linkPlace = {
	get query() {
		if (route.path === '/') lastQuery = route.query;
		return lastQuery;
	},
	go: (query: string) => route.go('/', query),
};

/** A checkpoint's name is a folder beside the page; an address of its own stays what it is. */
export const checkpointUrl = (checkpoint: string) =>
	new URL(checkpoint.endsWith('/') ? checkpoint : `${checkpoint}/`, document.baseURI).href;
