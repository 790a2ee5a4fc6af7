/** What readers have made of a run's answers: their own verdicts, and the answers that they pinned. */
import type { Label } from '$lib/conscience/judge';

import { tellChanged } from './changes';
import { allOf, type LabDatabase, read, write } from './database';
import { gone } from './errors';

/** What people said of the run's answers, by verdict. @throws StorageError */
export async function readLabels(id: string): Promise<Map<string, Label>> {
	const labels = await read((db) => db.getAll('labels', allOf(id)));
	return new Map(labels.map(({ verdictId, label }) => [verdictId, label]));
}

/** Keeps what a person says of an answer; null takes it back. @throws StorageError */
export const writeLabel = (id: string, verdictId: string, label: Label | null): Promise<void> =>
	writeMark('labels', id, verdictId, label && { runId: id, verdictId, label });

/** The verdicts of the answers that are pinned. @throws StorageError */
export async function readPins(id: string): Promise<ReadonlySet<string>> {
	const pins = await read((db) => db.getAll('pins', allOf(id)));
	return new Set(pins.map(({ verdictId }) => verdictId));
}

/** Pins an answer, or takes the pin away. @throws StorageError */
export const writePin = (id: string, verdictId: string, pinned: boolean): Promise<void> =>
	writeMark('pins', id, verdictId, pinned ? { runId: id, verdictId } : null);

/** Puts a mark on an answer; null takes it away. A mark without its run would never be found again. */
async function writeMark<P extends 'labels' | 'pins'>(part: P, id: string, verdictId: string, mark: LabDatabase[P]['value'] | null) {
	await write(['runs', part], async (transaction) => {
		if (!(await transaction.objectStore('runs').getKey(id))) throw gone(id);
		const marks = transaction.objectStore(part);
		await (mark ? marks.put(mark, [id, verdictId]) : marks.delete([id, verdictId]));
	});
	tellChanged(id);
}
