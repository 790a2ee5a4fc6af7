import type { FromWorker, LabEvent, Requests, RequestTable, ToWorker, WireError } from './protocol';

/** The end of a channel that both a `Worker` and a worker's own scope have. */
export type Port = Pick<Worker, 'addEventListener' | 'postMessage'>;

/** The worker ended, or said something that can't be read: nothing more comes from it. */
export class WorkerLostError extends Error {
	override name = 'WorkerLostError';
}

/** The page's end: `await client.request('play', …)` reads as a local call. Every request settles, also when the worker dies. */
export class WorkerClient<R extends RequestTable<R>, E> {
	#port: Port;
	#nextId = 0;
	#pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
	#failure: Error | null = null;

	/** `onFailure` hears once why the worker is lost; requests that wait, and those made later, are rejected with the same error. */
	constructor(
		port: Port,
		private onEvent: (event: E) => void,
		private onFailure: (error: Error) => void = () => {},
	) {
		this.#port = port;
		port.addEventListener('message', (message: MessageEvent<FromWorker<R, E>>) => this.#receive(message.data));
		port.addEventListener('messageerror', () => this.fail(new WorkerLostError('A message of the worker could not be read.')));
		// A worker goes on after an error that nobody caught, but what it was doing stays undone: it counts as lost.
		port.addEventListener('error', (event) => this.fail(new WorkerLostError(event.message || 'The worker could not be started.')));
	}

	request<K extends keyof R>(kind: K, params: R[K]['params'], transfer: Transferable[] = []): Promise<R[K]['result']> {
		if (this.#failure) return Promise.reject(this.#failure);
		const id = this.#nextId++;
		return new Promise((resolve, reject) => {
			this.#port.postMessage({ id, kind, params }, transfer); // throws, and so rejects, when params can't be cloned
			this.#pending.set(id, { resolve, reject });
		});
	}

	/** The worker is gone: every call still waiting fails, so that nothing on the page waits for ever. */
	fail(error: Error) {
		if (this.#failure) return;
		this.#failure = error;
		for (const { reject } of this.#pending.values()) reject(error);
		this.#pending.clear();
		this.onFailure(error);
	}

	#receive(reply: FromWorker<R, E>) {
		if (this.#failure) return; // what a lost worker still had on its way
		if (reply.kind === 'event') return this.onEvent(reply.event);
		const call = this.#pending.get(reply.id);
		this.#pending.delete(reply.id);
		if (reply.kind === 'error') call?.reject(toError(reply.error));
		else call?.resolve(reply.result as never);
	}
}

/** The client of a worker that holds a run. */
export class LabClient extends WorkerClient<Requests, LabEvent> {}

/** One handler for every request; leaving one out does not compile. */
export type Handlers<R extends RequestTable<R> = Requests> = { [K in keyof R]: (params: R[K]['params']) => Promise<R[K]['result']> };

/** The function by which a worker tells events to the page. */
export function emitter<E = LabEvent>(port: Port): (event: E) => void {
	return (event) => port.postMessage({ kind: 'event', event });
}

/** The worker's end: answers every request by its handler. */
export function serve<R extends RequestTable<R>>(port: Port, handlers: Handlers<R>): void {
	const post = (message: FromWorker<R>) => port.postMessage(message);
	const answer = async ({ id, kind, params }: ToWorker<R>) => {
		try {
			post({ kind: 'result', id, result: await handlers[kind](params) });
		} catch (error) {
			post({ kind: 'error', id, error: toWire(error) });
		}
	};
	port.addEventListener('message', (message: MessageEvent<ToWorker<R>>) => void answer(message.data));
}

// DOMExceptions (an AbortError is one) are no Errors by `instanceof` in every engine, but they have a name and a message.
export const toWire = (error: unknown): WireError => {
	if (typeof error !== 'object' || error === null || !('message' in error)) return { name: 'Error', message: String(error) };
	const { name, message, stack } = error as Error;
	return { name, message, stack };
};

export const toError = ({ name, message, stack }: WireError) => Object.assign(new Error(message), { name, stack });
