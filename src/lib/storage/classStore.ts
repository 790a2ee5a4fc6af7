/** What this browser keeps of classes: who it is in one, and what it has not sent yet. A small database of its own, as old runs need none of it. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

import type { Trajectory } from '$lib/conscience/memory';

import { toStorageError } from './errors';

/** By what a browser is let into a class. */
export interface Membership {
	server: string;
	role: 'student' | 'teacher';
	/** A student's token, or the teacher's key. */
	secret: string;
	/** Null for a teacher. */
	pseudonym: string | null;
	name: string;
}

/** A trajectory that waits to be sent. */
export interface Waiting {
	trajectory: Trajectory;
	/** Milliseconds since 1970. */
	since: number;
}

interface ClassDatabase extends DBSchema {
	/** Under 'now': a browser is in one class at a time. */
	membership: { key: string; value: Membership };
	/** Under the exchange's id: what waits already waits once. */
	waiting: { key: string; value: Waiting };
}

let opened: Promise<IDBPDatabase<ClassDatabase>> | null = null;

/** @throws StorageError */
async function use<T>(work: (db: IDBPDatabase<ClassDatabase>) => Promise<T>): Promise<T> {
	try {
		opened ??= openDB<ClassDatabase>('conscience-lab-class', 1, {
			upgrade(db) {
				db.createObjectStore('membership');
				db.createObjectStore('waiting');
			},
		});
		return await work(await opened);
	} catch (error) {
		opened = null; // what hindered it may pass
		throw await toStorageError(error);
	}
}

/** @throws StorageError */
export const readMembership = (): Promise<Membership | null> => use(async (db) => (await db.get('membership', 'now')) ?? null);
/** Null leaves, with all that waits. @throws StorageError */
export const writeMembership = (membership: Membership | null): Promise<void> =>
	use(async (db) => {
		const transaction = db.transaction(['membership', 'waiting'], 'readwrite');
		if (membership) await transaction.objectStore('membership').put(membership, 'now');
		else await Promise.all([transaction.objectStore('membership').clear(), transaction.objectStore('waiting').clear()]);
		await transaction.done;
	});
/** Adds what waits for the class of this membership; where the browser has left it, in another tab perhaps, nothing. @throws StorageError */
export const addWaiting = ({ server, secret }: Membership, waiting: readonly Waiting[]): Promise<void> =>
	use(async (db) => {
		const transaction = db.transaction(['membership', 'waiting'], 'readwrite');
		const now = await transaction.objectStore('membership').get('now');
		const store = transaction.objectStore('waiting');
		if (now?.secret === secret && now.server === server) await Promise.all(waiting.map((each) => store.put(each, each.trajectory.id)));
		await transaction.done;
	});
/** At most so many that wait. @throws StorageError */
export const readWaiting = (most: number): Promise<Waiting[]> => use((db) => db.getAll('waiting', null, most));
/** @throws StorageError */
export const countWaiting = (): Promise<number> => use((db) => db.count('waiting'));
/** @throws StorageError */
export const removeWaiting = (ids: readonly string[]): Promise<void> =>
	use(async (db) => {
		const transaction = db.transaction('waiting', 'readwrite');
		await Promise.all(ids.map((id) => transaction.store.delete(id)));
		await transaction.done;
	});
