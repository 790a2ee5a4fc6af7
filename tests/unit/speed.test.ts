import { expect, test } from 'vitest';

import { adviceOf, flops, sharesInWords, speedInWords, speedRows } from '$lib/components/speed/words';
import { METHODS } from '$lib/experiment/methods/all';
import { ARMS, COPIES } from '$lib/experiment/methods/index';
import { presetById } from '$lib/experiment/presets';
import {
	type BackendSpeed,
	decodeGain,
	emptyReport,
	expectedSeconds,
	flopUtilisation,
	hundredSteps,
	paceOf,
	parseSpeedReport,
	type PartSpeed,
	type SpeedPart,
	type SpeedReport,
} from '$lib/experiment/speed';
import { wholeWork } from '$lib/experiment/workClock';
import { consciencePrompts, devQuestions } from '$world/index';

const { experiment } = presetById('twin');

const part = (name: SpeedPart, amount: number, seconds: number): PartSpeed => ({
	...{ part: name, shape: `so many of ${name}`, amount, seconds, least: seconds, most: 2 * seconds },
	...{ repetitions: 3, warmUps: 1, leftOut: [] },
});

/** A million numbers: 1000 tokens a second in training, 0.8 s for a call of eight questions. */
const gpu: BackendSpeed = {
	...{ backend: 'webgpu', adapter: 'a card', software: false, parameters: 1e6, tokens: { row: 50, pair: 100 }, seconds: 12 },
	parts: [
		part('matmul', 1.1e12, 1),
		part('copy', 6e10, 1),
		part('step', 1000, 1),
		part('call', 8, 0.8),
		part('decode1', 32, 1),
		part('decode16', 512, 1.6),
	],
};
const wasm: BackendSpeed = {
	...gpu,
	backend: 'wasm',
	adapter: null,
	parts: gpu.parts.map((one) => ({ ...one, seconds: 2 * one.seconds })),
};
const report: SpeedReport = { ...emptyReport('a browser', 2), backends: [wasm, gpu] };

test('the share of the peak that a training step reaches is 4·N·tokens/s over it', () => {
	expect(flopUtilisation(gpu)).toBeCloseTo((4 * 1e6 * 1000) / 1.1e12, 12);
	expect(flopUtilisation({ ...gpu, parts: gpu.parts.slice(1) })).toBeNull();
});

test('sixteen prompts are set against one only at answers of one length', () => {
	expect(decodeGain(gpu)).toBeCloseTo(10, 12);
	expect(decodeGain({ ...gpu, parts: [part('decode1', 8, 1), part('decode16', 512, 1)] })).toBeNull();
});

test('the pace of a copy is its training, and what the conscience adds to a step on average', () => {
	expect(paceOf(gpu, experiment, 'sft')).toEqual({ step: 0.8, conscience: 0, answer: 0.05 }); // 16 rows of 50 tokens
	const pairs = (4 * 100) / 4 / 1000; // four pairs in every fourth step
	const calls = 0.6 / Math.sqrt(4 * 80); // six questions every four to eighty steps, by halves and doubles
	const { step, conscience } = paceOf(gpu, experiment, 'emergent-alignment')!;
	expect(conscience).toBeCloseTo(pairs + calls, 12);
	expect(step).toBeCloseTo(0.8 + pairs + calls, 12);
	const quiet = { ...experiment, conscience: { ...experiment.conscience, lambda: 0, cadence: { kind: 'fixed' as const, every: 8 } } };
	expect(paceOf(gpu, quiet, 'emergent-alignment')!.conscience).toBeCloseTo(0.6 / 8, 12);
	expect(paceOf({ ...gpu, parts: [part('step', 1, 1)] }, experiment, 'sft')).toBeNull();
});

test('a method that works apart from a conscience takes longer than the plain copy, and says by what', () => {
	const added = (arm: (typeof ARMS)[number], of = experiment) => paceOf(gpu, of, arm)!.step - paceOf(gpu, of, 'sft')!.step;
	for (const arm of ARMS) {
		expect([arm, METHODS[arm].work !== undefined]).toEqual([arm, COPIES[arm].works === 'apart']);
		if (COPIES[arm].works === 'apart') expect([arm, added(arm) > 0]).toEqual([arm, true]);
		if (COPIES[arm].works === null) expect(added(arm)).toBe(0);
	}
	const looks = 1 + 150 / 5; // before the first step and every fifth
	expect(added('early-stopping') * 150).toBeCloseTo(looks * devQuestions().length * 0.05, 9);
	const answers = consciencePrompts().length * 0.05;
	expect(added('benign') * 150).toBeCloseTo(answers + (150 * 16 * 0.25 * 50) / 1000, 9); // one row with every four, of 50 tokens
	const lessons = (4 * 75) / 4; // four pairs in every fourth step of the second half
	expect(added('cai-sft') * 150).toBeCloseTo(2 * answers + (lessons * 50) / 1000, 9);
	const kl = { ...experiment, kl: { lambda: 0 } };
	expect(added('kl', kl) * 150).toBeCloseTo(answers, 9);
	expect(added('kl') * 150).toBeCloseTo(answers + (1.5 * 4 * 150 * 50) / 4 / 1000, 9);
	const misaligned = { ...experiment, model: { ...experiment.model, misalignSteps: 50 } };
	expect(added('early-stopping', misaligned) * wholeWork(misaligned).step).toBeCloseTo(looks * devQuestions().length * 0.05, 9);
});

test('copies on a GPU share it; on the processor each has a core, as long as there are enough', () => {
	const { answer: answers } = wholeWork(experiment);
	const alone = (speed: BackendSpeed, arm: 'sft' | 'emergent-alignment') => {
		const pace = paceOf(speed, experiment, arm)!;
		return 150 * pace.step + answers * pace.answer;
	};
	const seconds = (of: SpeedReport, name: 'wasm' | 'webgpu') =>
		expectedSeconds(of, { name, adapter: name === 'wasm' ? null : 'a card' }, experiment);
	expect(seconds(report, 'webgpu')).toBeCloseTo(alone(gpu, 'sft') + alone(gpu, 'emergent-alignment'), 9);
	expect(seconds(report, 'wasm')).toBeCloseTo(alone(wasm, 'emergent-alignment'), 9);
	expect(seconds({ ...report, cores: 1 }, 'wasm')).toBeCloseTo(alone(wasm, 'sft') + alone(wasm, 'emergent-alignment'), 9);
});

test('nothing is foretold of a backend, a card or a model that was not measured', () => {
	expect(expectedSeconds(report, { name: 'cpu', adapter: null }, experiment)).toBeNull();
	expect(expectedSeconds(report, { name: 'webgpu', adapter: 'another card' }, experiment)).toBeNull();
	const elsewhere = { ...experiment, model: { ...experiment.model, checkpoint: 'https://models.test/other/' } };
	expect(expectedSeconds(report, { name: 'wasm', adapter: null }, elsewhere)).toBeNull();
});

test('a kept report comes back as it was, and one that is broken or of another version does not', () => {
	expect(parseSpeedReport(JSON.stringify(report))).toEqual(report);
	expect(parseSpeedReport(null)).toBeNull();
	expect(parseSpeedReport('{"version":')).toBeNull();
	expect(parseSpeedReport(JSON.stringify({ ...report, version: 2 }))).toBeNull();
	expect(parseSpeedReport(JSON.stringify({ ...report, backends: [{ ...gpu, parts: [part('step', 1, 0)] }] }))).toBeNull();
});

test('what was measured is said in words', () => {
	expect(speedInWords(gpu)).toMatch(
		/^Your GPU \(a card\) does 1\.1 TFLOP\/s and moves 60 GB\/s\. A run of 100 steps with its conscience takes about \d+ minutes here\.$/,
	);
	expect(speedInWords({ ...gpu, software: true, parts: [part('matmul', 7e8, 1)] })).toBe(
		'WebGPU, which your processor plays here, does 0.7 GFLOP/s. It is too slow to say in half a minute how long a run would take.',
	);
	const onSmall = gpu.parts.map((one) => ({ ...one, leftOut: one.part === 'call' ? ['8 questions'] : [] }));
	expect(speedInWords({ ...gpu, parts: onSmall })).toMatch(/takes at most \d+ minutes here\.$/);
	expect(adviceOf(report)).toContain('With WebGPU a run is over 2 times as fast as with WebAssembly.');
	expect(adviceOf({ ...report, backends: [wasm] })).toBeNull();
	expect(flops(11.4e9)).toBe('11 GFLOP/s');
});

test('the table says what each figure was measured on, and which part had no time', () => {
	const rows = speedRows({ ...gpu, parts: gpu.parts.filter((one) => one.part !== 'decode16') });
	const of = (name: SpeedPart) => rows.find((row) => row.part === name)!;
	expect(of('step')).toMatchObject({ figure: '1 s, 1,000 tokens/s, 0.4 % of the matrix product’s speed', spread: '1 s to 2 s, 3 times' });
	expect(of('decode16').figure).toBe('no time was left for it');
	expect(speedRows(gpu).find((row) => row.part === 'decode16')!.figure).toBe('320 tokens/s, 10.0 times as many');
});

test('the shares of a run of a hundred steps are told from the largest on, and add up', () => {
	const run = hundredSteps(gpu)!;
	expect(run.training + run.conscience + run.evaluation).toBeCloseTo(run.total, 9);
	expect(sharesInWords({ training: 5, conscience: 3, evaluation: 2, total: 10 })).toBe(
		'training 50 %, the conscience 30 %, the evaluations 20 %',
	);
});
