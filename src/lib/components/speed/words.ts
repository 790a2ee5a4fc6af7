import {
	type BackendSpeed,
	decodeGain,
	flopUtilisation,
	hundredSteps,
	partOf,
	type PartSpeed,
	rateOf,
	type RunSeconds,
	type SpeedPart,
	type SpeedReport,
} from '$lib/experiment/speed';

import { count, duration, fixed, percent } from '../format';

/** A number with two digits that count, or all that are left of the point. */
const inDigits = (x: number): string => (x >= 10 ? Math.round(x) : Number(x.toPrecision(2))).toLocaleString('en');

/** Operations a second: 1.1 TFLOP/s. */
export const flops = (perSecond: number): string =>
	perSecond >= 1e12 ? `${inDigits(perSecond / 1e12)} TFLOP/s` : `${inDigits(perSecond / 1e9)} GFLOP/s`;

/** Bytes a second. */
const bytesPerSecond = (bytes: number): string => `${inDigits(bytes / 1e9)} GB/s`;

export const tokensPerSecond = (tokens: number): string => `${inDigits(tokens)} tokens/s`;

/** A time that may be far below a second. */
const shortTime = (seconds: number): string => (seconds < 1 ? `${inDigits(1000 * seconds)} ms` : `${inDigits(seconds)} s`);

/** Who computes, as the subject of a sentence. */
function whoComputes({ backend, adapter, software }: Pick<BackendSpeed, 'backend' | 'adapter' | 'software'>): string {
	if (backend !== 'webgpu') return backend === 'wasm' ? 'WebAssembly, on your processor,' : 'Plain JavaScript';
	return software ? 'WebGPU, which your processor plays here,' : `Your GPU (${adapter ?? 'unnamed'})`;
}

export const BACKEND_NAMES: Record<BackendSpeed['backend'], string> = { webgpu: 'WebGPU', wasm: 'WebAssembly', cpu: 'plain JavaScript' };

/** What was measured of one backend, in a sentence or two. */
export function speedInWords(speed: BackendSpeed): string {
	const [peak, moved, run] = [rateOf(speed, 'matmul'), rateOf(speed, 'copy'), hundredSteps(speed)];
	const does = [peak && `does ${flops(peak)}`, moved && `moves ${bytesPerSecond(moved)}`].filter(Boolean).join(' and ');
	// What was timed on small shapes only takes less time a row, and a question, on the large ones of a run.
	const isBound = (['step', 'call'] as const).some((name) => partOf(speed, name)?.leftOut.length);
	const took = run
		? `A run of 100 steps with its conscience takes ${isBound ? 'at most' : 'about'} ${duration(run.total)} here.`
		: 'It is too slow to say in half a minute how long a run would take.';
	return `${whoComputes(speed)} ${does || 'was too slow to be measured'}. ${took}`;
}

/** Which backend to take, where two were measured; null where there is no choice. */
export function adviceOf({ backends }: SpeedReport): string | null {
	const timed = backends.flatMap((speed) => {
		const seconds = hundredSteps(speed)?.total;
		return seconds ? [{ name: BACKEND_NAMES[speed.backend], seconds }] : [];
	});
	const [first, second] = timed.sort((a, b) => a.seconds - b.seconds);
	if (!first || !second) return null;
	const times = second.seconds / first.seconds;
	if (times < 1.2) return `${first.name} and ${second.name} take about the same time for a run.`;
	return `With ${first.name} a run is over ${inDigits(times)} times as fast as with ${second.name}. You choose the engine on the lab’s page; “automatic” takes a real GPU, and else WebAssembly.`;
}

/** What is timed, while it is. */
export const TIMED_NOW: Record<SpeedPart, string> = {
	matmul: 'multiplies large matrices',
	copy: 'moves memory',
	step: 'trains',
	call: 'asks the conscience',
	decode1: 'writes one answer',
	decode16: 'writes sixteen answers at once',
};

/** A row of the table: what was measured, at which shape, what came of it and how sure that is. */
export interface SpeedRow {
	part: SpeedPart;
	what: string;
	shape: string;
	figure: string;
	spread: string;
	leftOut: string;
}

const WHAT: Record<SpeedPart, string> = {
	matmul: 'Matrix product',
	copy: 'Copy in memory',
	step: 'Training step',
	call: 'Call of the conscience',
	decode1: 'Writing, one prompt',
	decode16: 'Writing, 16 prompts',
};

const FIGURE: Record<SpeedPart, (speed: BackendSpeed, rate: number, part: PartSpeed) => string> = {
	matmul: (_, rate) => flops(rate),
	copy: (_, rate) => bytesPerSecond(rate),
	step(speed, rate, { seconds }) {
		const used = flopUtilisation(speed);
		return `${shortTime(seconds)}, ${tokensPerSecond(rate)}${used === null ? '' : `, ${percent(used, used < 0.1 ? 1 : 0)} of the matrix product’s speed`}`;
	},
	call: (_, __, { seconds }) => shortTime(seconds),
	decode1: (_, rate) => tokensPerSecond(rate),
	decode16(speed, rate) {
		const gain = decodeGain(speed);
		return `${tokensPerSecond(rate)}${gain === null ? '' : `, ${fixed(gain, 1)} times as many`}`;
	},
};

/** The table of one backend; parts for which there was no time say so. */
export function speedRows(speed: BackendSpeed): SpeedRow[] {
	return (Object.keys(WHAT) as SpeedPart[]).map((name) => {
		const part = partOf(speed, name);
		if (!part) return { part: name, what: WHAT[name], shape: '–', figure: 'no time was left for it', spread: '–', leftOut: '' };
		return {
			part: name,
			what: WHAT[name],
			shape: part.shape,
			figure: FIGURE[name](speed, part.amount / part.seconds, part),
			spread:
				part.repetitions > 1 ? `${shortTime(part.least)} to ${shortTime(part.most)}, ${part.repetitions} times` : 'once, after a warm-up',
			leftOut: part.leftOut.length > 0 ? `Too large for the time: ${part.leftOut.join('; ')}.` : '',
		};
	});
}

/** What of a run of 100 steps takes which share, largest first. */
export function sharesInWords({ training, conscience, evaluation, total }: RunSeconds): string {
	const shares = [
		{ what: 'training', seconds: training },
		{ what: 'the conscience', seconds: conscience },
		{ what: 'the evaluations', seconds: evaluation },
	];
	return shares
		.sort((a, b) => b.seconds - a.seconds)
		.map(({ what, seconds }) => `${what} ${percent(seconds / total)}`)
		.join(', ');
}

export const coresInWords = (cores: number | null): string => (cores === null ? 'cores unknown' : count(cores, 'core', 'cores'));
