import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { duration, type ProgressLine } from './progressLine';
import { workOf } from './studyPlan';
import type { Told, Work } from './studyWorker';

const WORKER = fileURLToPath(new URL('studyWorker.ts', import.meta.url));

/** How one piece of work ended: `reason` says why not well. */
export type Ended = (work: Work, reason: string | null) => void;

/**
 * Does all of it, `jobs` pieces at a time, a process each, and tells the end of every one; what fails keeps none of the others. Once `signal`
 * is aborted its processes are ended, and it returns when they are.
 */
export async function workAll(works: readonly Work[], jobs: number, line: ProgressLine, signal: AbortSignal, ended: Ended): Promise<void> {
	const waiting = [...works];
	const meter = newMeter(works, jobs);
	const worker = async () => {
		for (let work = waiting.shift(); work && !signal.aborted; work = waiting.shift()) {
			const reason = await inProcess(work, signal, (share) => line.say(meter.told(work, share)));
			if (signal.aborted) return;
			meter.ended(work);
			ended(work, reason);
		}
	};
	await Promise.all(Array.from({ length: Math.min(jobs, works.length) }, worker));
	line.end();
}

/** Resolves to null, or to what went wrong. */
function inProcess(work: Work, signal: AbortSignal, onProgress: (share: number) => void): Promise<string | null> {
	return new Promise((resolve) => {
		const child: ChildProcess = fork(WORKER, [], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
		let end: string | null | undefined;
		let errors = '';
		const stop = () => child.kill('SIGKILL');
		signal.addEventListener('abort', stop, { once: true });
		child.stderr?.on('data', (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-2000)));
		child.on('message', (told: Told) => {
			if (told.kind === 'progress') onProgress(told.share);
			else end = told.kind === 'done' ? null : told.reason;
		});
		child.on('error', ({ message }) => (end = message));
		child.on('close', (code, killedBy) => {
			signal.removeEventListener('abort', stop);
			resolve(end === undefined ? `its process ended by ${killedBy ?? `code ${code}`}: ${errors.trim().split('\n').at(-1) ?? ''}` : end);
		});
		child.send(work);
		onProgress(0);
	});
}

/** How much is done and how long the rest will take, by the pace so far. */
function newMeter(works: readonly Work[], jobs: number) {
	const begun = Date.now();
	const total = works.reduce((sum, { task }) => sum + workOf(task), 0);
	const shares = new Map<Work, number>();
	let [over, done] = [0, 0];
	return {
		told(work: Work, share: number): string {
			shares.set(work, share);
			const all = done + [...shares].reduce((sum, [{ task }, part]) => sum + part * workOf(task), 0);
			const seconds = (Date.now() - begun) / 1000;
			const left = all > 0 && seconds > 20 ? `, about ${duration(((total - all) * seconds) / all)} left` : '';
			return `${over} of ${works.length} runs done, ${Math.min(jobs, shares.size)} going on${left}`;
		},
		ended(work: Work): void {
			shares.delete(work);
			over++;
			done += workOf(work.task);
		},
	};
}
