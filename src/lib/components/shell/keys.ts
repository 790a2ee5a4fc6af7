/** What a single key does on the lab's page. */
export type KeyAction = 'play' | 'step' | 'reset' | 'projector' | 'help';

/** The keys, as they are listed for the reader. `value` is what the browser calls the key. */
export const KEYS: readonly { value: string; cap: string; action: KeyAction; says: string }[] = [
	{ value: ' ', cap: 'space', action: 'play', says: 'Run, or pause' },
	{ value: 'ArrowRight', cap: '→', action: 'step', says: 'One step of both copies' },
	{ value: 'r', cap: 'r', action: 'reset', says: 'Back to step 0, with the same seed' },
	{ value: 'p', cap: 'p', action: 'projector', says: 'For a room: large type, three panels; again to leave' },
	{ value: '?', cap: '?', action: 'help', says: 'This list' },
];

/** Parts of the page in which keys have a meaning of their own. A button takes the space bar only. */
const TYPED_INTO = 'input, select, textarea, [contenteditable], dialog';
const STEERED_BY_KEYS = ['region', 'grid', 'slider', 'tablist', 'listbox', 'radiogroup', 'application', 'log', 'feed']
	.map((role) => `[role="${role}"]:is([tabindex], :has(:focus))`)
	.join(', ');
const PRESSED_BY_SPACE = 'button, a, summary, label';

type Press = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'repeat' | 'defaultPrevented'> & {
	target: Pick<Element, 'closest'> | null;
};

/** What a press of a key asks for; null where it means something to what has the focus, or nothing. */
export function actionOf({ key, ctrlKey, altKey, metaKey, repeat, defaultPrevented, target }: Press): KeyAction | null {
	if (defaultPrevented || ctrlKey || altKey || metaKey || repeat) return null;
	const found = KEYS.find(({ value }) => value === key);
	if (!found || target?.closest(TYPED_INTO)) return null;
	if (found.action === 'play' && target?.closest(PRESSED_BY_SPACE)) return null;
	if ((found.action === 'play' || found.action === 'step') && target?.closest(STEERED_BY_KEYS)) return null;
	return found.action;
}
