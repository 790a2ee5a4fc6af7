/** Who runs what: a group of arms is run by the one tab that holds its Web Lock, and every other tab only reads it. */
const PREFIX = 'conscience-lab-run:';

/** Held here. */
const held = new Set<string>();

/** Takes the right to run the group until `release` is called or the tab ends; null when another tab has it. */
export async function holdGroup(group: string): Promise<(() => void) | null> {
	if (!hasLocks()) return hold(group, () => {}); // outside a secure context tabs can't tell; two of them would be the reader's doing
	return new Promise((resolve, reject) => {
		navigator.locks
			.request(PREFIX + group, { ifAvailable: true }, (lock) => {
				if (!lock) return resolve(null);
				return new Promise<void>((release) => resolve(hold(group, release)));
			})
			.catch(reject);
	});
}

function hold(group: string, release: () => void): () => void {
	held.add(group);
	return () => {
		held.delete(group);
		release();
	};
}

/** This tab runs the group. */
export const holdsGroup = (group: string): boolean => held.has(group);

/** The groups that a tab runs now, this one or another. */
export async function heldGroups(): Promise<ReadonlySet<string>> {
	if (!hasLocks()) return new Set(held);
	const { held: locks = [] } = await navigator.locks.query();
	return new Set(locks.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [])));
}

/** A tab runs the group now, this one or another. */
export const isHeld = async (group: string): Promise<boolean> => (await heldGroups()).has(group);

const hasLocks = (): boolean => 'navigator' in globalThis && 'locks' in navigator;
