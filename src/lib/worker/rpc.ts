import type { FromWorker, LabEvent, RequestKind, Requests, ToWorker, WireError } from './protocol';

type Params<K extends RequestKind> = Requests[K]['params'];
type Result<K extends RequestKind> = Requests[K]['result'];

/** The end of a channel that both a `Worker` and a worker's own scope have. */
export type Port = Pick<Worker, 'addEventListener' | 'postMessage'>;

/** The worker ended, or said something that can't be read: nothing more comes from it. */
export class WorkerLostError extends Error {
	override name = 'WorkerLostError';
}

/** The page's end: `await client.request('play', …)` reads as a local call. Every request settles, also when the worker dies. */
export class LabClient {
	#port: Port;
	#nextId = 0;
	#pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
	#failure: Error | null = null;

	/** `onFailure` hears once why the worker is lost; requests that wait, and those made later, are rejected with the same error. */
	constructor(
		port: Port,
		private onEvent: (event: LabEvent) => void,
		private onFailure: (error: Error) => void = () => {},
	) {
		this.#port = port;
		port.addEventListener('message', (message: MessageEvent<FromWorker>) => this.#receive(message.data));
		port.addEventListener('messageerror', () => this.fail(new WorkerLostError('A message of the worker could not be read.')));
		// A worker goes on after an error that nobody caught, but what it was doing stays undone: it counts as lost.
		port.addEventListener('error', (event) => this.fail(new WorkerLostError(event.message || 'The worker could not be started.')));
	}

	request<K extends RequestKind>(kind: K, params: Params<K>, transfer: Transferable[] = []): Promise<Result<K>> {
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

	#receive(reply: FromWorker) {
		if (this.#failure) return; // what a lost worker still had on its way
		if (reply.kind === 'event') return this.onEvent(reply.event);
		const call = this.#pending.get(reply.id);
		this.#pending.delete(reply.id);
		if (reply.kind === 'error') call?.reject(toError(reply.error));
		else call?.resolve(reply.result as never);
	}
}

/** One handler for every request; leaving one out does not compile. */
export type Handlers = { [K in RequestKind]: (params: Params<K>) => Promise<Result<K>> };

/** The function by which a worker tells events to the page. */
export function emitter(port: Port): (event: LabEvent) => void {
	return (event) => port.postMessage({ kind: 'event', event } satisfies FromWorker);
}

/** The worker's end: answers every request by its handler. */
export function serve(port: Port, handlers: Handlers): void {
	const post = (message: FromWorker) => port.postMessage(message);
	const answer = async ({ id, kind, params }: ToWorker) => {
		try {
			const handler = handlers[kind] as (params: Params<RequestKind>) => Promise<Result<RequestKind>>;
			post({ kind: 'result', id, result: await handler(params) });
		} catch (error) {
			post({ kind: 'error', id, error: toWire(error) });
		}
	};
	port.addEventListener('message', (message: MessageEvent<ToWorker>) => void answer(message.data));
}

// DOMExceptions (an AbortError is one) are no Errors by `instanceof` in every engine, but they have a name and a message.
export const toWire = (error: unknown): WireError => {
	if (typeof error !== 'object' || error === null || !('message' in error)) return { name: 'Error', message: String(error) };
	const { name, message, stack } = error as Error;
	return { name, message, stack };
};

export const toError = ({ name, message, stack }: WireError) => Object.assign(new Error(message), { name, stack });
