import type { ArmLook } from './arms';

export interface Point {
	x: number;
	y: number;
	/** Ends of the interval around y; null where it is not known. */
	band: readonly [low: number, high: number] | null;
}

export interface Series {
	id: string;
	look: ArmLook;
	points: readonly Point[];
	/** Points are drawn on the line where they are few and each one counts. */
	dots: boolean;
}

/** Something that happened at x; drawn on the x axis. */
export interface Mark {
	x: number;
	strong: boolean;
	title: string;
}

/** The numbers of a chart as a table. */
export interface ChartTable {
	columns: readonly string[];
	rows: readonly (readonly string[])[];
}
