/** What every part of the bench says of itself and of the machine, and how it is kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';

/** A part's report: what was measured (with its shapes), how (warm-up, repetitions, spread), when and where; and its figures. */
export interface PartReport {
	what: string;
	how: string;
	date: string;
	processor: string;
	adapter: string | null;
}

export const today = (): string => new Date().toISOString().slice(0, 10);

export const processor = (): string => `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`;

/** Writes a report as JSON, and says where. */
export function writeReport<R extends PartReport>(out: string, report: R): void {
	mkdirSync(path.dirname(out), { recursive: true });
	writeFileSync(out, `${JSON.stringify(report, null, '\t')}\n`);
	console.log(`Written to ${out}`);
}
