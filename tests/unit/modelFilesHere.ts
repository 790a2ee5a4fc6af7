/** A server and a disk, both new for each test of the file that imports this. */
import { afterEach, beforeEach, vi } from 'vitest';

import { createModelFiles } from '$lib/storage/modelFiles';
import { type Folder, memoryFolder } from '$lib/storage/opfs';

import { sha256, someBytes, startServer, type TestServer } from './modelFilesServer';

export const BYTES = someBytes(300_000);
export let server: TestServer;
export let disk: Folder;

beforeEach(async () => {
	server = await startServer();
	disk = memoryFolder();
});
/** Another one in the place of a server that was closed. */
export const startAnother = async () => void (server = await startServer());
afterEach(async () => {
	vi.unstubAllGlobals();
	await server.close();
});

/** The files of a folder; without another try, or with as many as there are pauses. */
export const filesIn = (folder: Folder, pauses: readonly number[] = []) => createModelFiles(async () => folder, { pauses });
export const contentOf = async (blob: Blob) => sha256(new Uint8Array(await blob.arrayBuffer()));
