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

/** The style sheets that the page has asked for so far. */
export const stylesAsked = (): string[] => [...document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')].map(({ href }) => href);

/**
 * Fetches those that did not come again, and waits for `needed` ones; the others, which what is loaded may share with other parts, come when
 * they come. @throws Error when one that is needed still does not come
 */
export async function fetchLostStyles(needed: ReadonlySet<string>): Promise<void> {
	const fetched = [...lost].map((href): [string, Promise<void>] => [href, fetchStyle(href)]);
	for (const [, style] of fetched) style.catch(() => {}); // whoever needs it tells
	await Promise.all(fetched.flatMap(([href, style]) => (needed.has(href) ? [style] : [])));
}

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
