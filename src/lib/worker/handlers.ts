import type { RunEvent } from '$lib/experiment/events';
import { RunStateError } from '$lib/experiment/live';

import { calmly } from './calmly';
import { RunKeeper, type RunStore } from './keeping';
import type { Asked, LabEvent, OpenParams, Requests, RunStatus } from './protocol';
import type { Handlers } from './rpc';
import { begin, betweenEvents, endSession, type Going, insist, type Prepared, pull, type Session, stop } from './session';

/** Loads what a run needs; rejects when `signal` aborts. */
export type Prepare = (params: OpenParams, signal: AbortSignal) => Promise<Prepared>;

/** Answers the page's requests about the one run that a worker holds. The run's events are pulled here and nowhere else. */
export function runHandlers(
	prepare: Prepare,
	emit: (event: LabEvent) => void,
	store: RunStore,
	connectJudge: (judge: Requests['connectJudge']['params']) => void,
): Handlers {
	let session: Session | null = null;
	let opening: { runId: string; controller: AbortController } | null = null;

	const sessionOf = (runId: string): Session => {
		if (session?.params.runId !== runId) throw new RunStateError(`The worker holds no run '${runId}'.`);
		return session;
	};
	const tellOf = (runId: string) => (event: RunEvent) => emit({ kind: 'run', runId, event });

	return {
		async open(params) {
			opening?.controller.abort();
			const controller = new AbortController();
			opening = { runId: params.runId, controller };
			try {
				if (session) await endSession(session);
				session = null;
				session = await openSession(params, await prepare(params, controller.signal), store, emit, controller.signal);
				const { backend, parameters } = session.prepared;
				return { backend, parameters };
			} finally {
				if (opening?.controller === controller) opening = null;
			}
		},
		play: async ({ runId }) => advance(sessionOf(runId), { until: () => false, paced: true, tell: tellOf(runId) }),
		async step({ runId }) {
			const current = sessionOf(runId);
			return advance(current, { until: stepBoundary(current.params), paced: false, tell: tellOf(runId) });
		},
		async pause({ runId }) {
			const { pulling, wake } = Object.assign(sessionOf(runId), { pauseAsked: true });
			wake();
			await pulling?.catch(() => {}); // whoever asked to play hears of the error
		},
		async cancel({ runId }) {
			if (opening?.runId === runId) return opening.controller.abort();
			await stop(sessionOf(runId));
		},
		adjust: async ({ runId, ...changed }) => adjust(sessionOf(runId), changed),
		async pace({ runId, restMs }) {
			Object.assign(sessionOf(runId), { restMs }).wake();
		},
		ask: async (params) => ({ answers: await ask(sessionOf(params.runId), params, emit) }),
		connectJudge: async (judge) => void connectJudge(judge), // nothing of it goes back: a port can’t
		async selfJudged({ runId, answers }) {
			const current = sessionOf(runId);
			return betweenEvents(current, () => current.prepared.selfJudged(answers));
		},
		...exportHandlers(sessionOf),
	};
}

/** What leaves the lab: a run that goes on is not changed by it. */
const exportHandlers = (sessionOf: (runId: string) => Session): Pick<Handlers, 'exportAdapter' | 'exportMerged'> => ({
	async exportAdapter({ runId, ...options }) {
		const current = sessionOf(runId);
		return { files: await betweenEvents(current, () => current.run.adapter(options)) };
	},
	async exportMerged({ runId, dtype }) {
		const current = sessionOf(runId);
		const adapter = await betweenEvents(current, () => current.run.adapter());
		return { zip: await current.prepared.merged(adapter, dtype) };
	},
});

async function adjust(session: Session, { experiment, verdictFile }: Pick<OpenParams, 'experiment' | 'verdictFile'>): Promise<void> {
	const { over, run, keeper } = session;
	if (over) throw new RunStateError(`The run is ${over}, so nothing can change in it any more. Reset it to begin with the new settings.`);
	run.adjust(experiment, verdictFile);
	await betweenEvents(session, async () => keeper?.keepChange(experiment)); // a page that is closed at rest takes no step any more
	insist(session);
}

async function openSession(
	params: OpenParams,
	prepared: Prepared,
	store: RunStore,
	emit: (event: LabEvent) => void,
	signal: AbortSignal,
): Promise<Session> {
	const { runId, keepAs, resumeFrom } = params;
	const from = resumeFrom === null ? null : await store.readSnapshot(resumeFrom);
	signal.throwIfAborted();
	const onStanding = (reason: string | null) => emit({ kind: 'notKept', runId, reason });
	const keeper = keepAs === null ? null : new RunKeeper(keepAs, from !== null, store, onStanding);
	return { params, prepared, keeper, restMs: 0, asking: new Set(), ...begin(prepared, from) };
}

async function advance(session: Session, going: Going): Promise<{ status: RunStatus }> {
	if (session.pulling) throw new RunStateError('The run is already going on.');
	if (session.over) return { status: session.over };
	session.pauseAsked = false;
	session.pulling = pull(session, going);
	try {
		return { status: await session.pulling };
	} finally {
		session.pulling = null;
	}
}

/** True of the event that ends one optimizer step: the step itself, or the evaluation that is due after it. */
function stepBoundary({ experiment }: OpenParams): (event: RunEvent) => boolean {
	const { every } = experiment.evaluation;
	let stepped = false;
	return (event) => {
		if (event.kind === 'evaluation') return stepped && !event.final;
		if (event.kind !== 'step') return false;
		stepped = true;
		const last = event.step === experiment.optimizer.steps; // then everything that is left follows
		return !last && !(every > 0 && event.step % every === 0);
	};
}

/** Puts a reader's question; a cancel ends the answers, too. */
async function ask(session: Session, { runId, askId, question, who, seed }: Requests['ask']['params'], emit: (event: LabEvent) => void) {
	const controller = new AbortController();
	session.asking.add(controller);
	const onText = calmly((asked: Asked, text) => emit({ kind: 'asked', runId, askId, who: asked, text }));
	try {
		return await betweenEvents(session, async () => {
			controller.signal.throwIfAborted();
			return session.run.ask(question, who, seed, onText, controller.signal);
		});
	} finally {
		session.asking.delete(controller);
	}
}
