/** Style sheets of parts that could not be fetched: Vite asks for each of them once, and never again. */
const lost = new Set<string>();

/** Notes every style sheet that does not come. */
export function watchStyles(): void {
	const note = ({ target }: Event) => {
		if (!(target instanceof HTMLLinkElement) || target.rel !== 'stylesheet') return;
		lost.add(target.href);
		target.remove();
	};
	window.addEventListener('error', note, { capture: true }); // it does not bubble
}

/** Fetches those that did not come again. @throws Error when one still does not */
export async function fetchLostStyles(): Promise<void> {
	await Promise.all([...lost].map(fetchStyle));
}

const fetchStyle = (href: string): Promise<void> =>
	new Promise((resolve, reject) => {
		const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
		link.addEventListener('load', () => {
			lost.delete(href);
			resolve();
		});
		link.addEventListener('error', () => reject(new Error(`Failed to fetch the style sheet ${href}`)));
		document.head.append(link);
	});
