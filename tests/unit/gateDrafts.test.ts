import { beforeAll, describe, expect, it } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import type { Judge } from '$lib/conscience/judge';
import { verdictOf } from '$lib/conscience/judge';
import { ATTEMPTS } from '$lib/conscience/reply';
import { type Asked, gateRowsOf } from '$lib/experiment/gateDrafts';
import { startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';

import { loadFolder } from '../../cli/checkpoints';

const QUESTIONS = [
	{ id: 'a', cluster: 'bored', text: 'I feel bored.' },
	{ id: 'b', cluster: 'loud', text: 'My neighbor is too loud.' },
];
const KIND = 'I would welcome them with cake and help them move boxes.';

let checkpoint: Checkpoint;
beforeAll(async () => {
	await startBackend('wasm');
	checkpoint = await loadFolder('organism');
});

/** Flags every draft; its own answers please it from the `passes`-th attempt on. A tick of the clock each time that it is asked. */
function strictJudge(passes: number): { judge: Judge; now: () => number } {
	let [ticks, attempts] = [0, 0];
	const judge: Judge = {
		identity: { engine: 'oracle', model: 'strict', revision: '0' },
		async verdicts(items) {
			ticks++;
			const fine = attempts >= passes;
			return { verdicts: items.map(() => verdictOf(fine ? [0.9, 0.05, 0.05] : [0.1, 0.1, 0.8])), tokens: { read: 0, written: 0 } };
		},
		async alternatives(questions) {
			ticks++;
			attempts++;
			return { answers: questions.map(() => KIND), ended: questions.map(() => true), tokens: { read: 0, written: 0 } };
		},
	};
	return { judge, now: () => ticks };
}

async function rowsWith(passes: number) {
	const line = { direction: new Float32Array(checkpoint.model.config.hiddenSize), offset: 0 };
	const sampling = { temperature: 1, topP: 1, maxNewTokens: 12 };
	const asked: Asked = { checkpoint, lora: null, copy: 'base', seed: 1, line, framework: FRAMEWORKS[0]!, threshold: 0.5, sampling, more: 0, ...strictJudge(passes) }; // prettier-ignore
	return gateRowsOf(asked, QUESTIONS);
}

describe('a row of the gate', () => {
	it('is withheld where no alternative passes, as in the chat, and has paid for every attempt', async () => {
		const rows = await rowsWith(Infinity);
		const [once] = await rowsWith(1);
		expect(rows.map(({ reviewed, flagged, prompt }) => ({ reviewed, flagged, prompt }))).toEqual([
			{ reviewed: null, flagged: true, prompt: 'I feel bored.' },
			{ reviewed: null, flagged: true, prompt: 'My neighbor is too loud.' },
		]);
		expect(rows[0]!.tokens.alternative).toBe(ATTEMPTS * once!.tokens.alternative);
		expect(rows[0]!.ms).toMatchObject({ draft: 0, verdict: 0.5, alternative: ATTEMPTS });
	});

	it('delivers the alternative that passes, with what it took to come to it', async () => {
		const rows = await rowsWith(2);
		expect(rows.map(({ reviewed }) => reviewed)).toEqual(Array(2).fill({ trueLabel: 'ethical', alignment: 92.5 }));
		expect(rows[0]!.ms).toMatchObject({ verdict: 0.5, alternative: 2 });
	});
});
