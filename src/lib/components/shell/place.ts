export interface Size {
	width: number;
	height: number;
}

export interface Box extends Size {
	left: number;
	top: number;
}

/** Between a card and what it tells of, and the least to the window's edge, in px. */
const GAP = 12;

/** Where a card stands that tells of `target`: beside, below or above it, wherever it fits whole; else at the foot of the window, in the middle. */
export function placeBeside(target: Box, card: Size, window: Size): { left: number; top: number } {
	const within = (start: number, length: number, available: number) => Math.max(GAP, Math.min(start, available - length - GAP));
	const at = (left: number, top: number) => ({
		left: within(left, card.width, window.width),
		top: within(top, card.height, window.height),
	});
	const right = target.left + target.width;
	const bottom = target.top + target.height;
	if (right + GAP + card.width + GAP <= window.width) return at(right + GAP, target.top);
	if (target.left >= card.width + 2 * GAP) return at(target.left - GAP - card.width, target.top);
	if (bottom + GAP + card.height + GAP <= window.height) return at(target.left, bottom + GAP);
	if (target.top >= card.height + 2 * GAP) return at(target.left, target.top - GAP - card.height);
	return at((window.width - card.width) / 2, window.height);
}
