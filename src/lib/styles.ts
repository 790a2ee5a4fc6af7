/** Style sheets of parts that could not be fetched: Vite asks for each of them once, and never again. */
const lost = new Set<string>();
/** Those of them that are being fetched again. */
const coming = new Map<string, Promise<void>>();

/** Notes every style sheet that does not come. */
export function watchStyles(): void {
	const note = ({ target }: Event) => {
		if (!(target instanceof HTMLLinkElement) || target.rel !== 'stylesheet') return;
		lost.add(target.href);
		target.remove();
	};
	window.addEventListener('error', note, { capture: true }); // it does not bubble
}

/**
 * A fetch that settles when the style sheets are here that it was the first to ask for. Those of others that were lost are fetched again
 * beside it, since it may share them, and are not waited for. @throws Error when one of its own does not come
 */
export function withStyles<T>(load: () => Promise<T>): () => Promise<T> {
	const own = new Set<string>();
	return async () => {
		const before = new Set(stylesAsked());
		const coming = load(); // asks for its style sheets at once
		for (const href of stylesAsked()) if (!before.has(href)) own.add(href);
		const fetched = [...lost].map((href) => ({ href, here: fetchStyle(href) }));
		for (const { here } of fetched) here.catch(() => {}); // whoever needs it tells
		const [result] = await Promise.all([coming, ...fetched.flatMap(({ href, here }) => (own.has(href) ? [here] : []))]);
		return result;
	};
}

const stylesAsked = (): string[] => [...document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')].map(({ href }) => href);

function fetchStyle(href: string): Promise<void> {
	const known = coming.get(href);
	if (known) return known;
	const style = new Promise<void>((resolve, reject) => {
		const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
		link.addEventListener('load', () => {
			lost.delete(href);
			resolve();
		});
		link.addEventListener('error', () => reject(new Error(`Failed to fetch the style sheet ${href}`)));
		document.head.append(link);
	}).finally(() => coming.delete(href));
	coming.set(href, style);
	return style;
}
