import type { Label } from '$lib/conscience/judge';
import type { Info } from '$lib/storage/memory/calls';
import type { ClassClient } from '$lib/storage/memory/client';
import type { Contributor, Listed } from '$lib/storage/memory/desk';
import { LIMITS } from '$lib/storage/memory/wire';

/** What of a class server the desk asks. */
export type DeskClient = Pick<
	ClassClient,
	| 'info'
	| 'quarantine'
	| 'label'
	| 'contributors'
	| 'removeContributor'
	| 'removeTrajectories'
	| 'removeClass'
	| 'exportLines'
	| 'importLines'
>;

/** The teacher's desk: what waits for a second word, who takes part, and the memory as a file. */
export class TeacherDesk {
	info = $state.raw<Info | null>(null);
	/** What waits for a second word, as far as it was fetched; null before. */
	quarantine = $state.raw<readonly Listed[] | null>(null);
	contributors = $state.raw<readonly Contributor[]>([]);
	/** Whether more waits behind what was fetched. */
	more = $state(false);
	busy = $state(false);
	fault = $state<string | null>(null);
	done = $state<string | null>(null);

	constructor(private client: DeskClient) {}

	async refresh(): Promise<void> {
		await this.#attempt(() => this.#read());
	}

	/** Says what an answer, or the alternative to one, is. It leaves the list when nothing is left to say of it. */
	async label(id: string, label: Label): Promise<void> {
		await this.#attempt(async () => {
			await this.client.label([{ id, label }]);
			await this.#read();
		});
	}

	async next(): Promise<void> {
		await this.#attempt(async () => {
			const page = await this.client.quarantine(this.quarantine?.at(-1) ?? null);
			this.quarantine = [...(this.quarantine ?? []), ...page];
			this.more = page.length === LIMITS.deskPage;
		});
	}

	async removeTrajectory({ contributorId, id }: Listed): Promise<void> {
		await this.#attempt(async () => {
			await this.client.removeTrajectories([{ contributorId, id }]);
			await this.#read();
		});
	}

	async removeContributor(id: string): Promise<void> {
		await this.#attempt(async () => {
			await this.client.removeContributor(id);
			await this.#read();
		});
	}

	async export(): Promise<Uint8Array<ArrayBuffer> | null> {
		let bytes: Uint8Array<ArrayBuffer> | null = null;
		await this.#attempt(async () => void (bytes = await this.client.exportLines()));
		return bytes;
	}

	async import(file: File): Promise<void> {
		await this.#attempt(async () => {
			const { lines, faults } = await this.client.importLines(file);
			const first = faults[0] ? ` ${faults.length} could not be used; the first is line ${faults[0].line}: ${faults[0].message}.` : '';
			this.done = `${lines} lines of ${file.name} were taken in.${first}`;
			await this.#read();
		});
	}

	/** Resolves to whether the class is gone. */
	async removeClass(): Promise<boolean> {
		let gone = false;
		await this.#attempt(async () => {
			await this.client.removeClass();
			gone = true;
		});
		return gone;
	}

	async #read(): Promise<void> {
		const [info, contributors] = await Promise.all([this.client.info(), this.client.contributors()]);
		const shown = this.quarantine?.length ?? 0;
		const waiting: Listed[] = [];
		do {
			const page = await this.client.quarantine(waiting.at(-1) ?? null);
			waiting.push(...page);
			this.more = page.length === LIMITS.deskPage;
		} while (this.more && waiting.length < shown); // who has turned to the third page is not sent back to the first
		[this.info, this.contributors, this.quarantine] = [info, contributors, waiting];
	}

	async #attempt(work: () => Promise<void>): Promise<void> {
		this.busy = true;
		this.fault = this.done = null;
		try {
			await work();
		} catch (error) {
			this.fault = (error as Error).message;
		}
		this.busy = false;
	}
}
