/** What a browser keeps of a reader's own choices from visit to visit. */
export interface Memory {
	read(key: string): string | null;
	write(key: string, value: string): void;
}

/** The browser's own memory. Where it may not be used (a private window, a school's policy), every visit is the first. */
export const browserMemory: Memory = {
	read(key) {
		try {
			return localStorage.getItem(`conscience-lab.${key}`);
		} catch {
			return null;
		}
	},
	write(key, value) {
		try {
			localStorage.setItem(`conscience-lab.${key}`, value);
		} catch {
			// The choice holds for this visit.
		}
	},
};
