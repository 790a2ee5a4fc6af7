import { JudgeLostError } from '$lib/conscience/judge';
import type { JudgeModel } from '$lib/conscience/webllm';
import { alternativeTo, verdictOn } from '$lib/conscience/webllmJudge';

import { measured, newMeter, speedOf } from './judgeMeter';
import type { FromJudge, JudgeAnswers, JudgeItem, JudgeStanding, ToJudge } from './judgeProtocol';
import { toWire } from './rpc';

/** One judge for all who ask, each through a port of its own. */
export interface JudgeService {
	/** Hears the port from now on. */
	connect(port: MessagePort): void;
	/** Asks this model from now on. */
	use(model: JudgeModel): void;
	/** There is no judge any more: whoever waits, and whoever asks, hears why. */
	lose(error: JudgeLostError): void;
}

export interface ServiceOptions {
	/** Name of the worker's lifeline, once it is held. */
	lifeline: Promise<string>;
	onStanding: (standing: JudgeStanding) => void;
	/** The model can't be asked any more. */
	onLost: (error: JudgeLostError) => void;
}

type Answer = JudgeAnswers[JudgeItem['kind']];

/** An item that waits, or is with the model. */
interface Task {
	port: MessagePort;
	id: number;
	item: JudgeItem;
	controller: AbortController;
	/** Ends the wait for the model, whatever becomes of its answer. */
	giveUp: (error: Error) => void;
}

/** The standing is told at most this often, in ms, and when there is nothing more to do. */
const TELL_EVERY_MS = 250;

/** Answers one item at a time, the oldest first. How many wait is up to those who ask: each sends only a few ahead. */
export function judgeService({ lifeline, onStanding, onLost }: ServiceOptions): JudgeService {
	const queue: Task[] = [];
	let running: Task | null = null;
	let model: JudgeModel | null = null;
	let why = new JudgeLostError('The judge is not loaded yet.');
	let meter = newMeter();
	let told = -Infinity;

	const tell = () => {
		if (running && performance.now() - told < TELL_EVERY_MS) return;
		told = performance.now();
		onStanding({ queue: queue.length + (running ? 1 : 0), ...speedOf(meter) });
	};
	const answer = async (task: Task): Promise<FromJudge> => {
		const { id, item } = task;
		try {
			if (!model) throw why;
			const start = performance.now();
			const answer = await put(task, model);
			meter = measured(meter, item.kind, answer.tokens, (performance.now() - start) / 1000);
			return { id, answer };
		} catch (error) {
			if (model && error instanceof JudgeLostError) onLost(error);
			return { id, error: toWire(error) };
		}
	};
	const work = async () => {
		while ((running = queue.shift() ?? null)) {
			running.port.postMessage(await answer(running));
			tell();
		}
		tell();
	};
	const enqueue = (task: Task) => {
		queue.push(task);
		if (running) tell();
		else void work();
	};
	/** Whoever asked has gone: what waits never begins, and what runs is stopped. */
	const drop = (isMeant: (task: Task) => boolean) => {
		queue.splice(0, queue.length, ...queue.filter((task) => !isMeant(task)));
		if (running && isMeant(running)) running.controller.abort();
	};

	return {
		connect(port) {
			hear(port, enqueue, drop);
			void lifeline.then((alive) => port.postMessage({ alive } satisfies FromJudge));
		},
		use(loaded) {
			model = loaded;
			meter = newMeter();
			tell();
		},
		lose(error) {
			model = null;
			why = error;
			running?.controller.abort(error);
			running?.giveUp(error);
		},
	};
}

function hear(port: MessagePort, enqueue: (task: Task) => void, drop: (isMeant: (task: Task) => boolean) => void): void {
	port.addEventListener('message', ({ data }: MessageEvent<ToJudge>) => {
		if ('cancel' in data) drop((task) => task.port === port && task.id === data.id);
		else enqueue({ port, ...data, controller: new AbortController(), giveUp: () => {} });
	});
	port.addEventListener('close', () => drop((task) => task.port === port)); // the worker at the other end has ended
	port.start();
}

/** Puts a task to the model; rejects as soon as the task is given up. */
function put(task: Task, model: JudgeModel): Promise<Answer> {
	return new Promise((resolve, reject) => {
		task.giveUp = reject;
		ask(task.item, model, task.controller.signal).then(resolve, reject);
	});
}

function ask(item: JudgeItem, model: JudgeModel, signal: AbortSignal): Promise<Answer> {
	return item.kind === 'verdict'
		? verdictOn(model, item.exchange, item.framework, signal)
		: alternativeTo(model, item.question, item.framework, item, signal);
}
