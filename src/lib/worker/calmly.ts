/** A growing text goes to the page at most this often, in ms: a model may write tokens faster than anybody reads. */
const TEXT_EVERY_MS = 50;

/** `tell` at most every TEXT_EVERY_MS; what was held back is told before somebody else speaks. */
export function calmly<Who>(tell: (who: Who, text: string) => void): (who: Who, text: string) => void {
	let held: [Who, string] | null = null;
	let last = -Infinity;
	return (who, text) => {
		if (held && held[0] !== who) {
			tell(...held);
			last = -Infinity;
		}
		held = [who, text];
		if (performance.now() - last < TEXT_EVERY_MS) return;
		tell(who, text);
		held = null;
		last = performance.now();
	};
}
