import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { Label } from '$lib/conscience/judge';
import type { RunEvent } from '$lib/experiment/events';
import type { Experiment } from '$lib/experiment/schema';
import type { RunStore } from '$lib/state/keeping.svelte';
import type { KeptRun, RunHeader } from '$lib/storage/database';
import { StorageError } from '$lib/storage/storageError';

/** A store in memory; `heldElsewhere` are the groups that another tab runs. */
export class FakeStore implements RunStore {
	readonly headers = new Map<string, RunHeader>();
	readonly told = new Map<string, RunEvent[]>();
	readonly said: { id: string; verdictId: string; label: Label | null }[] = [];
	readonly pinned = new Map<string, Set<string>>();
	/** As it stands, of runs that were changed. */
	readonly changed = new Map<string, Experiment>();
	readonly listeners: ((id: string) => void)[] = [];
	readonly held = new Set<string>();
	readonly heldElsewhere = new Set<string>();

	async create(header: RunHeader) {
		this.headers.set(header.id, structuredClone(header));
	}

	async list(): Promise<KeptRun[]> {
		const sizes = { rows: 0, events: 0, snapshot: 0, adapter: 0 };
		return [...this.headers.values()].map(({ rows, verdictFiles, memory, ...header }) => ({
			...header,
			...(memory && { memory: { digest: memory.digest, fileName: memory.fileName, bytes: 0 } }),
			verdictFiles: verdictFiles.map((file) => ({ ...file, bytes: 0 })),
			rowsFile: rows?.fileName ?? null,
			rowsKey: null,
			begunAt: header.createdAt,
			changes: [],
			adjusted: null,
			alignment: null,
			rewritten: 0,
			sizes: { ...sizes, events: this.told.get(header.id)?.length ?? 0 },
		}));
	}

	async revive(id: string) {
		const header = this.headers.get(id);
		if (!header) throw new StorageError('missing', `The run '${id}' is gone.`);
		header.status = 'underway';
	}

	rows = async (id: string) => this.headers.get(id)!.rows;
	verdictFiles = async (id: string) => this.headers.get(id)!.verdictFiles;
	memory = async (id: string) => this.headers.get(id)!.memory ?? null;

	async keepVerdictFile(id: string, file: VerdictFile) {
		const header = this.headers.get(id)!;
		if (!header.verdictFiles.some(({ digest }) => digest === file.digest)) header.verdictFiles = [...header.verdictFiles, file];
	}

	isOurs = (group: string) => this.held.has(group);
	putAside = async (id: string) => void Object.assign(this.headers.get(id)!, { status: 'cancelled', group: id });

	async end(id: string) {
		const header = this.headers.get(id);
		if (!header) return;
		if (header.step === 0 && !this.told.has(id)) this.headers.delete(id);
		else if (header.status === 'underway' || header.status === 'failed') header.status = 'cancelled';
	}

	events = async (id: string) => this.told.get(id) ?? [];
	experimentNow = async (id: string) => (this.told.has(id) ? (this.changed.get(id) ?? this.headers.get(id)!.experiment) : null);
	labels = async (id: string): Promise<ReadonlyMap<string, Label>> =>
		new Map(this.said.flatMap((said) => (said.id === id && said.label ? [[said.verdictId, said.label] as const] : [])));
	pins = async (id: string): Promise<ReadonlySet<string>> => new Set(this.pinned.get(id));

	async pin(id: string, verdictId: string, pinned: boolean) {
		const pins = this.pinned.get(id) ?? new Set();
		if (pinned) pins.add(verdictId);
		else pins.delete(verdictId);
		this.pinned.set(id, pins);
	}

	onChanged(listener: (id: string) => void) {
		this.listeners.push(listener);
	}

	async label(id: string, verdictId: string, label: Label | null) {
		this.said.push({ id, verdictId, label });
	}

	/** As a Web Lock: held once, by whichever tab. */
	async hold(group: string) {
		if (this.held.has(group) || this.heldElsewhere.has(group)) return null;
		this.held.add(group);
		return () => void this.held.delete(group);
	}

	isHeld = async (group: string) => this.held.has(group) || this.heldElsewhere.has(group);
}
