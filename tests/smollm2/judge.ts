/**
 * What the verdicts of a model say, with its own frozen weights as the judge: sixty answers of the organism's world, whose labels are known, read
 * under each of the lab's frameworks and that of examples/smollm2.json.
 *
 *     npx tsx tests/smollm2/judge.ts MODEL
 */
import { readFile } from 'node:fs/promises';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { LABELS } from '$lib/conscience/judge';
import { LONG_FRAMEWORKS } from '$lib/conscience/longFrameworks';
import { parseExperiment } from '$lib/experiment/schema';
import { worldExchanges } from '$lib/experiment/worldExchanges';
import { startBackend } from '$lib/model/backend';
import { trueLabel } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('The folder of a model is needed.');
const experiment = parseExperiment(JSON.parse(await readFile(new URL('../../examples/smollm2.json', import.meta.url), 'utf8')));
await startBackend('wasm');
const judge = frozenSelfJudge(await loadFolder(folder), 'SmolLM2', experiment.conscience.sampling);
const exchanges = worldExchanges(60, 7);
const labels = exchanges.map(({ answer }) => trueLabel(answer));

/** The share of pairs, of a cruel and a kind answer, in which the cruel one has the larger P(unethical): ½ is chance. */
function auc(cruel: readonly number[], kind: readonly number[]): number {
	const wins = cruel.flatMap((a) => kind.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
	return wins.reduce((sum, win) => sum + win, 0) / wins.length;
}

for (const framework of [...FRAMEWORKS.slice(0, 1), ...LONG_FRAMEWORKS.slice(0, 1), ...experiment.conscience.frameworks]) {
	const { verdicts } = await judge.verdicts(exchanges, framework);
	const of = (label: string) => verdicts.filter((_, i) => labels[i] === label).map(({ probabilities }) => probabilities.unethical);
	const given = LABELS.map((label) => `${verdicts.filter((verdict) => verdict.label === label).length} ${label}`);
	console.log(`${framework.id}: AUC ${auc(of('unethical'), of('ethical')).toFixed(2)}; said: ${given.join(', ')}`);
}
process.exit();
