import { readFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { zipRuns } from '$lib/experiment/folderZip';
import { NO_OVERHEAD } from '$lib/experiment/meter';
import { PRESETS, presetById, TOLD_WITHIN } from '$lib/experiment/presets';
import { readRecording, type Recording } from '$lib/experiment/recording';
import type { ArmId } from '$lib/experiment/schema';
import { copiesOf, cuesOf, Playback, PLAYING_TIME } from '$lib/state/playback.svelte';

import { events, tinyEvaluation } from './recordedRun';

const experiment = { ...presetById('twin').experiment, optimizer: { ...presetById('twin').experiment.optimizer, steps: 10 } };

/** A run of ten steps in each copy: an evaluation before the first, and after the fifth and the last. */
function told(arm: ArmId): RunEvent[] {
	const steps = Array.from({ length: 10 }, (_, i) => [
		...(arm === 'emergent-alignment' && i === 4 ? [events.verdicts(4)] : []),
		events.step(i + 1),
		...(i === 4 ? [tinyEvaluation(5)] : []),
	]);
	return [tinyEvaluation(0), ...steps.flat(), tinyEvaluation(10), { kind: 'finished', step: 10, overhead: NO_OVERHEAD }];
}

const recording: Recording = {
	experiment,
	copies: [
		{ arm: 'sft', events: told('sft') },
		{ arm: 'emergent-alignment', events: told('emergent-alignment') },
	],
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function opened(still = false): Promise<Playback> {
	const playback = new Playback(
		async () => recording,
		() => still,
	);
	await playback.open();
	playback.begin();
	return playback;
}
const stepsOf = (playback: Playback) => playback.runs.map(({ record }) => record.step);
const evaluationsOf = (playback: Playback) => playback.runs.map(({ record }) => record.evaluations.length);

test('cues follow the steps, copy beside copy, and keep the order of work within a step', () => {
	const cues = cuesOf(recording);
	expect(cues.map(({ at }) => at)).toEqual(cues.map(({ at }) => at).toSorted((a, b) => a - b));
	const fourth = cues.filter(({ at, arm }) => at === 4 && arm === 'emergent-alignment').map(({ event }) => event.kind);
	expect(fourth).toEqual(['step', 'verdicts']); // the conscience speaks before the fifth step
	const fifth = cues.filter(({ at, arm }) => at === 5 && arm === 'sft').map(({ event }) => event.kind);
	expect(fifth).toEqual(['step', 'evaluation']);
});

describe('a recorded run', () => {
	test('shows what was measured before the first step at once, moves within two seconds of opening, and comes to its end', async () => {
		const playback = await opened();
		expect(evaluationsOf(playback)).toEqual([1, 1]);
		expect(playback.status).toBe('playing');
		vi.advanceTimersByTime(PLAYING_TIME / 2 + 100);
		expect(stepsOf(playback)).toEqual([5, 5]);
		expect(evaluationsOf(playback)).toEqual([2, 2]);
		expect(playback.step).toBe(5);
		expect(playback.runs[1]!.record.cards).toHaveLength(1);
		vi.advanceTimersByTime(PLAYING_TIME);
		expect(playback.status).toBe('ended');
		expect(stepsOf(playback)).toEqual([10, 10]);
		expect(evaluationsOf(playback)).toEqual([3, 3]);
		expect(vi.getTimerCount()).toBe(0);
	});

	test('moves within two seconds at the length that ships', () => {
		const { steps } = presetById('twin').experiment.optimizer;
		expect(PLAYING_TIME / steps).toBeLessThan(2000);
	});

	test('pauses, goes on from there, and plays again from the beginning', async () => {
		const playback = await opened();
		vi.advanceTimersByTime(PLAYING_TIME * 0.35);
		playback.pause();
		expect(stepsOf(playback)).toEqual([3, 3]);
		vi.advanceTimersByTime(PLAYING_TIME * 5);
		expect(stepsOf(playback)).toEqual([3, 3]);
		playback.play();
		vi.advanceTimersByTime(PLAYING_TIME * 0.1);
		expect(stepsOf(playback)).toEqual([4, 4]);
		playback.finish();
		expect(stepsOf(playback)).toEqual([10, 10]);
		playback.play();
		expect(stepsOf(playback)).toEqual([0, 0]);
		expect(evaluationsOf(playback)).toEqual([1, 1]);
		vi.advanceTimersByTime(PLAYING_TIME * 2);
		expect(stepsOf(playback)).toEqual([10, 10]);
	});

	test('rests after every step where the reader wants to read along, from where it is', async () => {
		const playback = await opened();
		vi.advanceTimersByTime(PLAYING_TIME * 0.35);
		playback.rest = PLAYING_TIME; // of ten steps: eleven times as long
		vi.advanceTimersByTime(PLAYING_TIME);
		expect(stepsOf(playback)).toEqual([4, 4]);
		playback.rest = 0;
		vi.advanceTimersByTime(PLAYING_TIME * 0.3);
		expect(stepsOf(playback)).toEqual([7, 7]);
	});

	test('shows its end at once to a reader who wants nothing to move, and plays when asked to', async () => {
		const playback = await opened(true);
		expect(playback.status).toBe('ended');
		expect(stepsOf(playback)).toEqual([10, 10]);
		expect(vi.getTimerCount()).toBe(0);
		playback.play();
		vi.advanceTimersByTime(PLAYING_TIME * 0.25);
		expect(stepsOf(playback)).toEqual([2, 2]);
	});

	test('tells of the very settings that it was made with, and of no others', async () => {
		const playback = await opened();
		expect(playback.tells(structuredClone(experiment))).toBe(true);
		expect(playback.tells({ ...experiment, seed: 2 })).toBe(false);
	});
});

test('where the recording is missing or damaged, there is none, and no error', async () => {
	const loads = [
		async () => Promise.reject(new RangeError('There is no recording.')),
		async () => readRecording(new Uint8Array([80, 75, 3, 4, 0, 0])),
	];
	for (const load of loads) {
		const playback = new Playback(load, () => false);
		await playback.open();
		expect(playback.status).toBe('absent');
		expect(playback.runs).toEqual([]);
		playback.begin();
		playback.finish();
		expect(playback.status).toBe('absent');
		expect(playback.tells(experiment)).toBe(false);
	}
});

test('a zip of run folders is read as a recording of all copies, in the order in which the page shows them', () => {
	const runs = recording.copies.toReversed().map(({ arm, events }) => ({
		experiment,
		arm,
		begunAt: null,
		failed: false,
		events,
		labels: new Map(),
		pins: new Set<string>(),
		adapter: null,
		rows: null,
		rowsName: null,
		verdictFiles: [],
	}));
	const read = readRecording(zipRuns(runs));
	expect(read.experiment).toEqual(experiment);
	expect(read).toEqual(recording);
});

test.each(PRESETS.map((preset) => [preset.id, preset] as const))(
	'the recording of %s that ships was made with its settings, or it would not be shown',
	async (id, { experiment }) => {
		const shipped = readRecording(readFileSync(new URL(`../../static/recorded/${TOLD_WITHIN[id] ?? id}.zip`, import.meta.url)));
		const playback = new Playback(
			async () => copiesOf(shipped, experiment),
			() => true,
		);
		await playback.open();
		expect(playback.tells(experiment)).toBe(true);
		playback.begin();
		expect(playback.runs.map(({ arm }) => arm)).toEqual(experiment.arms);
		expect(playback.runs.every(({ record }) => record.step === experiment.optimizer.steps && record.evaluation !== null)).toBe(true);
		expect(playback.runs.every(({ record }) => record.inside.length > 0)).toBe(true); // to look inside
	},
);
