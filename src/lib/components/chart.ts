import type { Point } from '$lib/state/series';

import type { ArmLook } from './arms';

export type { Point };

/** How a line is called and drawn. Colour is never the only sign: line and point differ too. */
export type Look = Pick<ArmLook, 'name' | 'colour' | 'dash' | 'point'>;

export interface Series {
	id: string;
	look: Look;
	points: readonly Point[];
	/** Points are drawn on the line, as far as there is room, where each one counts. */
	dots: boolean;
}

/** A series as it is drawn. */
export interface Line extends Series {
	/** What was measured, drawn faintly behind `points` where those are smoothed. */
	raw: readonly Point[] | null;
}

/** Something that happened at x; drawn on the x axis. */
export interface Mark {
	x: number;
	strong: boolean;
	title: string;
}

/** Where something was changed: a line across the chart. */
export interface VerticalMark {
	x: number;
	/** A few words, written at the line. */
	label: string;
	/** The same as a sentence. */
	title: string;
}

/** A stretch of x that is set apart. */
export interface Region {
	from: number;
	to: number;
	label: string;
}

/** A fixed range; `null` fits the data from 0; `'fit'` fits the data. */
export type YDomain = readonly [low: number, high: number] | 'fit' | null;

/** The numbers of a chart as a table. */
export interface ChartTable {
	columns: readonly string[];
	rows: readonly (readonly string[])[];
}
