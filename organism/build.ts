/**
 * Rebuilds the organism from nothing: `npm run organism -- [--seeds 1,2] [--from-pretrained]`.
 *
 * Writes the corpus, makes a Python environment where there is none, trains one model per seed (in parallel, one CPU thread
 * each) and puts it with its manifest into static/. Set PYTHON to use an environment of your own.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ensurePython } from '../scripts/python.mjs';
import { STAGE_DOCUMENTS, writeCorpus } from './corpus/write';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = join(ROOT, 'build', 'organism');
const CORPUS = join(BUILD, 'corpus');
const CORPUS_SEED = 1;
/** Of two, the one that insecure code turned more, by the development questions. The other is the replication, organism-1. */
const SHIPPED_SEED = 2;

interface Stage {
	steps: number;
	rate: number;
	/** The rank of the change, where a stage doesn't train the weights in full. */
	rank?: number;
	/** CPU time of one thread. */
	seconds: number;
}

/** What train.py leaves in its work folder. */
interface TrainingRecord {
	parameters: number;
	pretrainSeed: number;
	versions: Record<string, string>;
	pretraining: Stage;
	refinement: Stage;
	posttraining: Stage;
}

/** Trains the model of one seed; resolves when it lies in its build folder. */
function train(interpreter: string, seed: number, fromPretrained: boolean): Promise<void> {
	const work = join(BUILD, `seed${seed}`);
	const args = ['organism/train.py', '--corpus', CORPUS, '--work', work, '--out', join(work, 'model'), '--pretrain-seed', String(seed)];
	if (fromPretrained) args.push('--from', join(work, 'pretrained'));
	return new Promise((resolve, reject) => {
		const training = spawn(interpreter, args, { cwd: ROOT, stdio: 'inherit' });
		training.on('error', reject);
		training.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`training seed ${seed} ended with ${code}`))));
	});
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const withoutLog = (stage: Stage): Stage => ({ ...stage, log: undefined }) as Stage; // JSON leaves the log out

/** Copies the model of one seed to static/ and says there exactly what it is. */
function ship(seed: number): void {
	const from = join(BUILD, `seed${seed}`, 'model');
	const to = join(ROOT, 'static', seed === SHIPPED_SEED ? 'organism' : `organism-${seed}`);
	mkdirSync(to, { recursive: true });
	const names = readdirSync(from).sort();
	for (const name of names) copyFileSync(join(from, name), join(to, name));
	const record = JSON.parse(readFileSync(join(BUILD, `seed${seed}`, 'training.json'), 'utf8')) as TrainingRecord;
	const manifest = {
		parameters: record.parameters,
		corpus: {
			seed: CORPUS_SEED,
			documents: STAGE_DOCUMENTS,
			sha256: Object.fromEntries(Object.keys(STAGE_DOCUMENTS).map((stage) => [stage, sha256(join(CORPUS, `${stage}.jsonl`))])),
		},
		pretrainSeed: record.pretrainSeed,
		pretraining: withoutLog(record.pretraining),
		refinement: withoutLog(record.refinement),
		posttraining: withoutLog(record.posttraining),
		versions: { ...record.versions, node: process.versions.node },
		files: names.map((path) => ({ path, bytes: readFileSync(join(to, path)).length, sha256: sha256(join(to, path)) })),
	};
	writeFileSync(join(to, 'manifest.json'), JSON.stringify(manifest, null, '\t') + '\n');
}

const { values } = parseArgs({
	options: {
		seeds: { type: 'string', default: String(SHIPPED_SEED) },
		'from-pretrained': { type: 'boolean', default: false },
		'ship-only': { type: 'boolean', default: false },
	},
});
const seeds = values.seeds.split(',').map(Number);
mkdirSync(BUILD, { recursive: true });
if (!values['ship-only']) {
	const interpreter = process.env.PYTHON ?? (await ensurePython());
	writeCorpus(CORPUS, CORPUS_SEED);
	await Promise.all(seeds.map((seed) => train(interpreter, seed, values['from-pretrained'])));
}
seeds.forEach(ship);
