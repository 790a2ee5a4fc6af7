/** Where the page is, kept in the hash: `#/?preset=twin&seed=7` is path `/` with two query parameters. A static server needs no rule for it. */
class Route {
	#hash = $state(window.location.hash);

	readonly path = $derived(this.#hash.slice(1).split('?')[0] || '/');
	readonly query = $derived(this.#hash.split('?').slice(1).join('?'));

	constructor() {
		const read = () => (this.#hash = window.location.hash);
		window.addEventListener('hashchange', read);
		window.addEventListener('popstate', read);
	}

	/** The hash of a place; good for an `href`. */
	href(path: string, query = ''): string {
		return query ? `#${path}?${query}` : `#${path}`;
	}

	/** Goes to a place and leaves this one in the history, so that the back button returns to it. */
	go(path: string, query = ''): void {
		const hash = this.href(path, query);
		if (hash === this.#hash) return;
		window.history.pushState(null, '', hash);
		this.#hash = hash;
	}
}

export const route = new Route();
