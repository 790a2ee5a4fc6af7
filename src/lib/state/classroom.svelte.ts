import type { DepositReport, Memory, PooledState, Trajectory } from '$lib/conscience/memory';
import type { Membership, Waiting } from '$lib/storage/classStore';
import type { KeptRun } from '$lib/storage/database';
import type { Info } from '$lib/storage/memory/calls';
import { ClassServerError, serverAddress } from '$lib/storage/memory/client';
import type { Listed } from '$lib/storage/memory/desk';
import { LIMITS } from '$lib/storage/memory/wire';

import { leftOutInWords, type Reading, type ReadStates, type RunReader, trajectoriesOf } from './reviewing';

/** Where membership and what waits are kept in this browser. */
export interface ClassStore {
	readMembership(): Promise<Membership | null>;
	writeMembership(membership: Membership | null): Promise<void>;
	/** Only while the browser is still in that class: what was meant for one class goes to no other. */
	addWaiting(membership: Membership, waiting: readonly Waiting[]): Promise<void>;
	readWaiting(most: number): Promise<Waiting[]>;
	countWaiting(): Promise<number>;
	removeWaiting(ids: readonly string[]): Promise<void>;
}

/** What of a class server a student's page asks. */
export interface StudentClient {
	readonly memory: Memory;
	info(): Promise<Info>;
	deposit(trajectories: readonly Trajectory[]): Promise<DepositReport>;
	deposits(): Promise<Listed[]>;
	agreed(state: PooledState): Promise<string>;
	removeDeposits(ids: readonly string[]): Promise<void>;
	leave(deposits: 'keep' | 'delete'): Promise<void>;
}

export interface ClassAccess {
	join(server: string, member: { code: string; pseudonym: string; token: string }): Promise<{ name: string; pseudonym: string }>;
	client(membership: Membership): StudentClient;
	newSecret(): string;
}

/** Trajectories that are sent at once; and after how many ms it is tried again when nobody answers, the last again and again. */
const BATCH = 20;
const PAUSES = [3000, 10_000, 30_000, 120_000];

/** The reader in a class: in or out, what of theirs is there, and what waits to be sent. */
export class Classroom {
	/** Null until the store was read, and where the reader is in no class: see `ready`. */
	membership = $state.raw<Membership | null>(null);
	ready = $state(false);
	info = $state.raw<Info | null>(null);
	/** Whether the server answered when it was last asked; null before. */
	reached = $state<boolean | null>(null);
	/** Trajectories that wait in this browser. */
	waiting = $state(0);
	sending = $state(false);
	/** What came of what was sent since the page was opened. */
	sent = $state.raw<DepositReport>({ added: 0, known: 0, refused: 0 });
	/** Trajectories that the server can't use, and why. */
	rejected = $state.raw<{ count: number; reason: string } | null>(null);
	/** The run whose answers are being read, and how far. */
	reading = $state.raw<Reading | null>(null);
	/** The last thing done with a run, for the reader. */
	done = $state<string | null>(null);
	deposits = $state.raw<readonly Listed[] | null>(null);
	fault = $state<string | null>(null);
	/** What joining said no to. */
	refusal = $state<string | null>(null);

	#client: StudentClient | null = null;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#tries = 0;
	/** A token that was made to join with: the same is sent again where no answer came, so that nobody joins twice. */
	#token: { key: string; token: string } | null = null;

	constructor(
		private store: ClassStore,
		private access: ClassAccess,
		private runs: RunReader,
		private readStates: ReadStates,
		private pauses: readonly number[] = PAUSES,
	) {}

	/** The class's memory, where the reader is in one. */
	get memory(): Memory | null {
		return this.#client?.memory ?? null;
	}

	/** All that the class agrees on of what a model has read, whose state this is, as lines. @throws ClassServerError */
	async agreed(state: PooledState): Promise<string> {
		if (!this.#client) throw new Error('You are in no class.');
		return this.#client.agreed(state);
	}

	/** Takes up what was left when the page was closed. */
	async begin(): Promise<void> {
		await this.#attempt(async () => {
			this.#enter(await this.store.readMembership());
			this.waiting = await this.store.countWaiting();
		});
		this.ready = true;
		await this.#look();
	}

	/** Resolves to whether the reader is in. `typed` is the server's address. */
	async join(typed: string, code: string, pseudonym: string): Promise<boolean> {
		this.refusal = null;
		const key = JSON.stringify([typed, code, pseudonym]);
		if (this.#token?.key !== key) this.#token = { key, token: this.access.newSecret() };
		const { token } = this.#token;
		try {
			const server = serverAddress(typed);
			const joined = await this.access.join(server, { code, pseudonym, token });
			await this.#become({ server, role: 'student', secret: token, ...joined });
			await this.#look();
		} catch (error) {
			this.refusal = (error as Error).message;
		}
		return this.membership !== null;
	}

	/** A teacher comes to the desk with their key. */
	async openDesk(typed: string, key: string): Promise<void> {
		this.refusal = null;
		try {
			const server = serverAddress(typed);
			const membership = { server, role: 'teacher' as const, secret: key, pseudonym: null, name: '' };
			const info = await this.access.client(membership).info();
			if (info.role !== 'teacher') throw new Error('That is a student’s token. The desk opens with the teacher’s key.');
			await this.#become({ ...membership, name: info.name });
		} catch (error) {
			this.refusal = (error as Error).message;
		}
	}

	/** Leaves the class. The browser forgets its token and what waits, also where the server can't be told. */
	async leave(deposits: 'keep' | 'delete'): Promise<void> {
		this.fault = null;
		await this.#attempt(async () => {
			if (this.membership?.role === 'student') {
				await this.#client!.leave(deposits).catch((error: ClassServerError) => {
					if (error.status === 401 || (error.passing && deposits === 'keep')) return; // nobody is left there, or nothing is to be done
					if (error.passing)
						this.fault = 'You are still in the class: its server does not answer, and without it what you shared can’t be deleted.';
					throw error;
				});
			}
			clearTimeout(this.#timer);
			await this.store.writeMembership(null);
			this.#enter(null);
		});
	}

	/** Asks how things stand, and sends what waits. */
	async refresh(): Promise<void> {
		this.fault = null;
		await this.#look();
	}

	async #look(): Promise<void> {
		const client = this.#client;
		if (!client || this.membership?.role !== 'student') return;
		await this.#attempt(async () => {
			this.info = await client.info();
			this.deposits = await client.deposits();
			this.reached = true;
		});
		await this.#send();
	}

	/** Lets the frozen model read what a run's conscience has reviewed, and puts it in the queue. */
	async deposit(run: KeptRun): Promise<void> {
		const { membership } = this;
		if (this.reading || !membership) return;
		this.done = this.fault = null;
		this.reading = { run: run.id, read: 0, total: 0 };
		await this.#attempt(async () => {
			const { trajectories, leftOut } = await trajectoriesOf(run, this.runs, this.readStates, (reading) => (this.reading = reading));
			const since = Date.now();
			await this.store.addWaiting(
				membership,
				trajectories.map((trajectory) => ({ trajectory, since })),
			);
			if (this.membership !== membership) return;
			this.waiting = await this.store.countWaiting();
			this.done = `${trajectories.length} different answers of this run are on their way${leftOutInWords(leftOut)}.`;
		});
		this.reading = null;
		await this.#send();
	}

	async removeDeposits(ids: readonly string[]): Promise<void> {
		this.fault = null;
		await this.#attempt(async () => {
			for (let start = 0; start < ids.length; start += LIMITS.perCall)
				await this.#client!.removeDeposits(ids.slice(start, start + LIMITS.perCall));
		});
		await this.#look();
	}

	/** Sends what waits, batch by batch; where nobody answers it stays, and is tried again. */
	async #send(): Promise<void> {
		const client = this.#client;
		if (this.sending || !client || this.membership?.role !== 'student') return;
		clearTimeout(this.#timer);
		this.sending = true;
		let [size, sent] = [BATCH, false];
		await this.#attempt(async () => {
			for (;;) {
				const batch = await this.store.readWaiting(size);
				if (this.#client !== client) break;
				if (batch.length === 0) {
					this.waiting = await this.store.countWaiting(); // another tab may have sent it
					break;
				}
				const given = batch.map(({ trajectory }) => trajectory);
				const report = await client.deposit(given).catch((error: unknown) => refusedOf(error));
				if (this.#client !== client) break; // the reader has left meanwhile, and what waits now is another class's
				if (!(report instanceof Error)) this.sent = sum(this.sent, report);
				else if (size > 1) {
					size = 1; // one of them is not wanted: the others go alone
					continue;
				} else this.rejected = { count: (this.rejected?.count ?? 0) + 1, reason: report.message };
				await this.store.removeWaiting(given.map(({ id }) => id));
				this.waiting = await this.store.countWaiting();
				[this.reached, sent] = [true, true];
				this.#tries = 0;
			}
			if (sent) [this.info, this.deposits] = [await client.info(), await client.deposits()];
		});
		this.sending = false;
		if (this.#client !== client) return this.#send();
		if (this.waiting > 0 && this.reached === false) {
			const pause = this.pauses[Math.min(this.#tries++, this.pauses.length - 1)]!;
			this.#timer = setTimeout(() => void this.#send(), pause);
		}
	}

	async #become(membership: Membership): Promise<void> {
		await this.store.writeMembership(membership);
		this.#enter(membership);
		this.reached = true;
	}

	#enter(membership: Membership | null): void {
		this.membership = membership;
		this.#client = membership && this.access.client(membership);
		[this.info, this.deposits, this.reached, this.rejected, this.done, this.fault] = [null, null, null, null, null, null];
		this.sent = { added: 0, known: 0, refused: 0 };
		this.#tries = 0;
		if (!membership) [this.waiting, this.#token] = [0, null];
	}

	/** What goes wrong is told; that nobody answers is a state, not a fault. */
	async #attempt(work: () => Promise<void>): Promise<void> {
		try {
			await work();
		} catch (error) {
			if (error instanceof ClassServerError && error.passing) this.reached = false;
			else this.fault = (error as Error).message;
		}
	}
}

/** That the server can't use what it was sent; whatever else went wrong is thrown on. */
function refusedOf(error: unknown): ClassServerError {
	if (error instanceof ClassServerError && (error.status === 400 || error.status === 413)) return error;
	throw error;
}

const sum = (a: DepositReport, b: DepositReport): DepositReport => ({
	added: a.added + b.added,
	known: a.known + b.known,
	refused: a.refused + b.refused,
});
