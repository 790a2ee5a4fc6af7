/** What people say of answers without having seen what a judge says: kept until they delete it, whatever becomes of the runs. */
import { type KeptBlindLabel, read, write } from './database';

/** The first that was said comes first. @throws StorageError */
export async function readBlindLabels(): Promise<KeptBlindLabel[]> {
	return (await read((db) => db.getAll('blindLabels'))).sort((a, b) => a.saidAt - b.saidAt);
}

/** Keeps a label; of one labeller and answer the last one counts. @throws StorageError */
export async function writeBlindLabel(label: KeptBlindLabel): Promise<void> {
	const { labeller, question, answer } = label;
	await write(['blindLabels'], (transaction) => transaction.objectStore('blindLabels').put(label, [labeller, question, answer]));
}

/** Deletes all that one labeller has said. @throws StorageError */
export async function deleteBlindLabels(labeller: string): Promise<void> {
	await write(['blindLabels'], (transaction) =>
		transaction.objectStore('blindLabels').delete(IDBKeyRange.bound([labeller], [labeller, []])),
	);
}
