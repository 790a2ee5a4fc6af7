import { type Judge, type JudgeIdentity, JudgeLostError, type TokenCount } from '$lib/conscience/judge';
import type { Sampling } from '$lib/model/sampling';

import type { FromJudge, JudgeAnswers, JudgeItem, ToJudge } from './judgeProtocol';
import { watchLifeline } from './lifeline';
import { toError } from './rpc';
import { unlessAborted } from './unlessAborted';

/** Items of a call that are on their way at once: the judge never waits for the next one, and a cancelled call leaves little behind. */
const WINDOW = 4;

const lines = new WeakMap<MessagePort, Line>();

/**
 * The judge at the other end of `port`, as whoever asks it sees it; any number may be made of one port.
 * Every call settles: with JudgeLostError when the judge, or the worker that it is in, is gone.
 */
export function portJudge(port: MessagePort, identity: JudgeIdentity, sampling: Sampling): Judge {
	const line = lines.get(port) ?? new Line(port);
	lines.set(port, line);
	return {
		identity,

		async verdicts(exchanges, framework, signal) {
			const said = await line.ask<'verdict'>(
				exchanges.map((exchange) => ({ kind: 'verdict', exchange, framework })),
				signal,
			);
			return { verdicts: said.map(({ verdict }) => verdict), tokens: sumOf(said) };
		},

		async alternatives(questions, framework, seeds, signal) {
			const said = await line.ask<'alternative'>(
				questions.map((question, i) => ({ kind: 'alternative', question, framework, seed: seeds[i]!, sampling })),
				signal,
			);
			return { answers: said.map(({ answer }) => answer), ended: said.map(({ ended }) => ended), tokens: sumOf(said) };
		},
	};
}

/** The asking end of a port. */
class Line {
	#port: MessagePort;
	#nextId = 0;
	#pending = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
	#failure: Error | null = null;

	constructor(port: MessagePort) {
		this.#port = port;
		port.addEventListener('message', ({ data }: MessageEvent<FromJudge>) => this.#receive(data));
		port.addEventListener('messageerror', () => this.#fail(new JudgeLostError('An answer of the judge could not be read. Load it again.')));
		port.start();
	}

	/** The answers in the order of the items. The first that fails ends all, and so does the signal: with its reason, at once. */
	async ask<K extends JudgeItem['kind']>(
		items: readonly Extract<JudgeItem, { kind: K }>[],
		signal?: AbortSignal,
	): Promise<JudgeAnswers[K][]> {
		signal?.throwIfAborted();
		const answers: JudgeAnswers[K][] = [];
		const underWay = new Set<number>();
		let next = 0;
		const work = async () => {
			while (next < items.length) {
				const place = next++;
				const id = this.#nextId++;
				underWay.add(id);
				answers[place] = await this.#send<JudgeAnswers[K]>(id, items[place]!);
				underWay.delete(id);
			}
		};
		try {
			const workers = Promise.all(Array.from({ length: Math.min(WINDOW, items.length) }, work));
			await (signal ? unlessAborted(workers, signal) : workers);
			return answers;
		} finally {
			next = items.length;
			for (const id of underWay) this.#cancel(id);
		}
	}

	#send<A>(id: number, item: JudgeItem): Promise<A> {
		if (this.#failure) return Promise.reject(this.#failure);
		return new Promise<A>((resolve, reject) => {
			this.#port.postMessage({ id, item } satisfies ToJudge);
			this.#pending.set(id, { resolve, reject });
		});
	}

	#cancel(id: number) {
		if (this.#pending.delete(id)) this.#port.postMessage({ id, cancel: true } satisfies ToJudge);
	}

	#receive(reply: FromJudge) {
		if ('alive' in reply) {
			const gone = () =>
				this.#fail(
					new JudgeLostError(
						'The worker of the judge has ended: memory may be short. Load the judge again, or let the frozen copy in the trainer judge.',
					),
				);
			return void watchLifeline(reply.alive, gone);
		}
		const call = this.#pending.get(reply.id);
		this.#pending.delete(reply.id);
		if ('error' in reply) call?.reject(toError(reply.error));
		else call?.resolve(reply.answer as never);
	}

	#fail(error: Error) {
		this.#failure = error;
		for (const { reject } of this.#pending.values()) reject(error);
		this.#pending.clear();
	}
}

function sumOf(said: readonly { tokens: TokenCount }[]): TokenCount {
	return said.reduce((sum, { tokens }) => ({ read: sum.read + tokens.read, written: sum.written + tokens.written }), {
		read: 0,
		written: 0,
	});
}
