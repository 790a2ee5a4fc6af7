import type { VerdictFile } from '$lib/conscience/importedJudge';

import { type KeptRun, type KeptFile, read, write, type Writing } from './database';
import { gone } from './errors';
import { sizeOf } from './sizes';

/** Keeps verdicts by which a run is judged from now on. @throws StorageError */
export async function keepVerdictFile(id: string, file: VerdictFile): Promise<void> {
	await write(['runs', 'verdictFiles'], async (transaction) => {
		const run = await transaction.objectStore('runs').get(id);
		if (!run) throw gone(id);
		if (run.verdictFiles.some(({ digest }) => digest === file.digest)) return;
		const verdictFiles = [...run.verdictFiles, await putVerdictFile(transaction, file)];
		await transaction.objectStore('runs').put({ ...run, verdictFiles });
	});
}

/** All verdicts of the user's own by which the run was judged. @throws StorageError */
export async function readVerdictFiles(id: string): Promise<VerdictFile[]> {
	return read(async (db) => {
		const transaction = db.transaction(['runs', 'verdictFiles']);
		const run = await transaction.objectStore('runs').get(id);
		const files = (run?.verdictFiles ?? []).map(async ({ digest, fileName }): Promise<VerdictFile[]> => {
			const verdicts = await transaction.objectStore('verdictFiles').get(digest);
			return verdicts ? [{ fileName, digest, verdicts }] : [];
		});
		return (await Promise.all(files)).flat();
	});
}

/** Writes verdicts where no run has brought them yet. */
export async function putVerdictFile(transaction: Writing, { digest, fileName, verdicts }: VerdictFile): Promise<KeptFile> {
	const files = transaction.objectStore('verdictFiles');
	const brings = (await files.getKey(digest)) === undefined;
	if (brings) await files.put(verdicts, digest);
	return { digest, fileName, bytes: brings ? sizeOf(verdicts) : 0 };
}

/** Verdicts go with the last run that was judged by them; until then another answers for their size. */
export async function leaveVerdictFiles(transaction: Writing, { verdictFiles }: KeptRun): Promise<void> {
	const runs = transaction.objectStore('runs');
	for (const left of verdictFiles) {
		const isIt = ({ digest }: KeptFile) => digest === left.digest;
		const heir = (await runs.getAll()).find((run) => run.verdictFiles.some(isIt));
		if (!heir) await transaction.objectStore('verdictFiles').delete(left.digest);
		else if (left.bytes > 0)
			await runs.put({ ...heir, verdictFiles: heir.verdictFiles.map((file) => (isIt(file) ? { ...file, bytes: left.bytes } : file)) });
	}
}
