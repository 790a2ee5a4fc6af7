import type { Framework } from '$lib/conscience/frameworks';

/** What the reader has unfolded and begun to write on the lab's page: it is still there on the way back from another one. */
class Desk {
	/** Parts of the page, by name. */
	unfolded = $state<Record<string, boolean>>({});
	/** Frameworks that were written and not applied, by id. */
	drafts = $state.raw<Readonly<Record<string, Framework>>>({});
}

/** The one desk of this page. */
export const desk = new Desk();
