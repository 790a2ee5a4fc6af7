/**
 * `npm run bench -- speed`: what the lab's page Speed measures, in Node: the peak of each backend, and how near the organism's own work
 * comes to it.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { measureSpeed } from '$lib/experiment/measureSpeed';
import { type BackendSpeed, decodeGain, flopUtilisation, rateOf } from '$lib/experiment/speed';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../cli/checkpoints';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		seconds: { type: 'string', default: '120' },
		backend: { type: 'string' },
		out: { type: 'string', default: 'bench/results/speed.json' },
	},
});
const BACKENDS = ['wasm', 'webgpu'] as const;

/** One backend, in this process. */
async function measureHere(backend: (typeof BACKENDS)[number]): Promise<BackendSpeed> {
	const report = await startBackend(backend);
	return measureSpeed(await loadFolder('organism'), report, { seconds: Number(values.seconds) });
}

/** One backend, in a process of its own; null where it can't be started. */
function measureApart(backend: string): BackendSpeed | null {
	const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--backend', backend, '--seconds', values.seconds];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
	if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as BackendSpeed;
	console.error(`${backend} was not measured:\n${stderr.slice(-1000)}`);
	return null;
}

if (values.backend) {
	console.log(JSON.stringify(await measureHere(values.backend as (typeof BACKENDS)[number])));
	process.exit(0);
}
const speeds = BACKENDS.map(measureApart).filter((speed) => speed !== null);
const rounded = (x: number | null, digits = 3) => x && Number(x.toPrecision(digits));
const rows = speeds.map((speed) => ({
	backend: speed.backend,
	'GFLOP/s': rounded((rateOf(speed, 'matmul') ?? 0) / 1e9),
	'GB/s': rounded((rateOf(speed, 'copy') ?? 0) / 1e9),
	'tokens/s in training': rounded(rateOf(speed, 'step')),
	'FLOP utilisation, %': rounded(100 * (flopUtilisation(speed) ?? Number.NaN)),
	'tokens/s, 1 prompt': rounded(rateOf(speed, 'decode1')),
	'tokens/s, 16 prompts': rounded(rateOf(speed, 'decode16')),
	'decode, 16 / 1': rounded(decodeGain(speed)),
}));
console.table(rows);
writeReport(values.out, {
	what: 'The fastest product of square matrices, the fastest copy, training steps of the organism, batched writing, and a call of the conscience.',
	how: `At most ${values.seconds} seconds a backend, each in a process of its own; each size warmed up once, then up to ten times: the median and the range.`,
	...{ date: today(), processor: processor(), adapter: speeds.find(({ adapter }) => adapter)?.adapter ?? null },
	rows,
	speeds,
});
