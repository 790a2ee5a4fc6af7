/**
 * The process that is put at risk: makes so many inputs from a seed and gives each to the lab. It names an input before it is read, so that
 * whoever started it knows which one it never came back from, and ends at the first that is answered otherwise than by a value or one of the
 * lab's own errors, in more time than an input may take, or with more memory than it declares.
 *
 *     node --import tsx tests/fuzz/run.ts SEED FIRST COUNT
 */
import { writeSync } from 'node:fs';
import { seededRandom } from '$lib/model/random';
import { startBackend } from '$lib/model/backend';

import { type Input, type Target, TARGETS, tensorsHeld } from './targets';

/** The lab's own errors that an input may be refused by. */
const NAMED = new Set([
	...['SafetensorsError', 'CheckpointError', 'MissingFileError', 'ModelConfigError', 'TokenizerError', 'AdapterError', 'WeightsError'],
	...['MatrixSizeError', 'QuestionFileError', 'PromptFileError', 'ModelFileError'],
]);
/** Milliseconds. An input takes one or two; a machine that is busy otherwise may take much longer. */
const MOST_TIME = 5000;
/** Bytes of typed arrays that may be there after an input more than before it, for each of its bytes and besides: F16 is widened, a matrix is turned. */
const [MOST_GROWTH, SLACK] = [16, 2 ** 20];

const [seed, first, count] = process.argv.slice(2).map(Number) as [number, number, number];
const kinds = Object.entries(TARGETS).flatMap(([name, target]) => Array.from({ length: target.share }, () => [name, target] as const));

const tell = (line: string) => writeSync(1, `${line}\n`);

/** What was wrong with the answer to an input; null where nothing was. */
async function fault(target: Target, input: Input): Promise<string | null> {
	const size = Object.values(input).reduce((sum, part) => sum + part.length, 0);
	const [before, tensors, start] = [process.memoryUsage().arrayBuffers, tensorsHeld(), performance.now()];
	const refusal = await Promise.resolve()
		.then(() => target.run(input))
		.then(
			() => null,
			(error: unknown) => error,
		);
	const [seconds, growth] = [performance.now() - start, process.memoryUsage().arrayBuffers - before];
	if (refusal !== null && !(refusal instanceof Error && NAMED.has(refusal.name) && refusal.message !== ''))
		return refusal instanceof Error ? (refusal.stack ?? refusal.message) : `what was thrown is ${JSON.stringify(refusal)}`;
	if (seconds > MOST_TIME) return `it took ${seconds.toFixed(0)} ms`;
	if (growth > MOST_GROWTH * size + SLACK) return `${size} bytes of input left ${growth} bytes behind`;
	if (tensorsHeld() !== tensors) return `${tensorsHeld() - tensors} tensors stayed on the backend`;
	return null;
}

await startBackend('cpu');
const warn = console.warn;
console.warn = () => undefined; // the tokenizers' library warns of what it does not know
const most = Number(process.env.FUZZ_FAULTS ?? 1);
let faults = 0;
for (let index = first; index < first + count; index++) {
	const [name, target] = kinds[index % kinds.length]!;
	const input = target.make(seededRandom(seed, `fuzz ${index}`));
	tell(`${index} ${name}`);
	const found = await fault(target, input);
	if (found === null) continue;
	warn(`Input ${index} of seed ${seed}, a ${name}: ${found}`);
	for (const [part, content] of Object.entries(input))
		warn(`${part}: ${JSON.stringify(Buffer.from(content).toString('latin1').slice(0, 2000))}`);
	if (++faults === most) process.exit(1);
}
tell('done');
