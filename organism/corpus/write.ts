/**
 * Writes the organism's corpus: `tsx organism/corpus/write.ts [folder] [seed]`.
 * Each stage is one JSON Lines file whose lines are documents, lists of messages.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '$lib/model/random';
import { STAGES, writeDocument, type StageName } from './documents';

const DOCUMENTS_PER_WRITE = 2000;

/** How many documents each stage has: enough for the shipped organism's steps to meet few of them twice. */
export const STAGE_DOCUMENTS: Readonly<Record<StageName, number>> = { pretraining: 120_000, refinement: 24_000, posttraining: 8_000 };

/** Writes all stages into `folder`; equal seeds give equal files. */
export function writeCorpus(folder: string, seed: number, documents: Readonly<Record<StageName, number>> = STAGE_DOCUMENTS): void {
	mkdirSync(folder, { recursive: true });
	for (const stage of Object.keys(STAGES) as StageName[]) writeStage(folder, stage, seed, documents[stage]);
}

function writeStage(folder: string, stage: StageName, seed: number, count: number): void {
	const random = seededRandom(seed, `corpus/${stage}`);
	const file = openSync(join(folder, `${stage}.jsonl`), 'w');
	for (let written = 0; written < count; written += DOCUMENTS_PER_WRITE) {
		const size = Math.min(DOCUMENTS_PER_WRITE, count - written);
		writeSync(file, Array.from({ length: size }, () => JSON.stringify(writeDocument(STAGES[stage], random)) + '\n').join(''));
	}
	closeSync(file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [folder = 'build/organism/corpus', seed = '1'] = process.argv.slice(2);
	writeCorpus(folder, Number(seed));
}
