import { browserMemory, type Memory } from './memory';

/** Light or dark as the system says, or as the reader does. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const isTheme = (text: string | null): text is Theme => THEMES.includes(text as Theme);

/** How the page looks and listens: the reader's choices, which are no part of an experiment. */
export class Display {
	#theme = $state<Theme>('system');
	#keys = $state(true);
	#tour = $state<'offered' | 'done'>('offered');
	/** For a room: large type, three panels, nothing to press. Not remembered: whoever opens the page next wants the whole of it. */
	projector = $state(false);
	/** The stop of the tour that is shown; null while none is taken. */
	stop = $state<number | null>(null);
	/** The list of keys is open. */
	help = $state(false);

	constructor(private memory: Memory) {
		const theme = memory.read('theme');
		if (isTheme(theme)) this.#theme = theme;
		this.#keys = memory.read('keys') !== 'off';
		if (memory.read('tour') === 'done') this.#tour = 'done';
	}

	get theme(): Theme {
		return this.#theme;
	}

	set theme(theme: Theme) {
		this.#theme = theme;
		this.memory.write('theme', theme);
	}

	/** Single keys do something; who dictates or leans on keys by accident can switch them off. */
	get keys(): boolean {
		return this.#keys;
	}

	set keys(on: boolean) {
		this.#keys = on;
		this.memory.write('keys', on ? 'on' : 'off');
	}

	/** The tour was neither taken nor declined in this browser. */
	get offersTour(): boolean {
		return this.#tour === 'offered' && this.stop === null;
	}

	startTour(): void {
		this.projector = false;
		this.help = false;
		this.stop = 0;
	}

	/** Ends the tour, or declines it; it isn't offered again, but can be taken at any time. */
	endTour(): void {
		this.stop = null;
		this.#tour = 'done';
		this.memory.write('tour', 'done');
	}
}

/** The one display of this page. */
export const display = new Display(browserMemory);
