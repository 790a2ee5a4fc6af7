import type { RunEvent } from '$lib/experiment/events';
import type { Label } from '$lib/conscience/judge';
import type { RunStore } from '$lib/state/keeping.svelte';
import type { KeptRun, RunHeader } from '$lib/storage/database';

/** A store in memory; `heldElsewhere` are the groups that another tab runs. */
export class FakeStore implements RunStore {
	readonly headers = new Map<string, RunHeader>();
	readonly told = new Map<string, RunEvent[]>();
	readonly said: { id: string; verdictId: string; label: Label | null }[] = [];
	readonly held = new Set<string>();
	readonly heldElsewhere = new Set<string>();

	async create(header: RunHeader) {
		this.headers.set(header.id, structuredClone(header));
	}

	async list(): Promise<KeptRun[]> {
		const sizes = { rows: 0, events: 0, snapshot: 0, adapter: 0 };
		return [...this.headers.values()].map(({ rows, ...header }) => ({
			...header,
			rowsFile: rows?.fileName ?? null,
			alignment: null,
			sizes,
		}));
	}

	rows = async (id: string) => this.headers.get(id)!.rows;
	isOurs = (group: string) => this.held.has(group);
	putAside = async (id: string) => void Object.assign(this.headers.get(id)!, { status: 'cancelled', group: id });
	end = async (id: string) => void (this.headers.get(id)!.status = 'cancelled');
	events = async (id: string) => this.told.get(id) ?? [];
	experimentNow = async () => null;
	labels = async (): Promise<ReadonlyMap<string, Label>> => new Map();

	async label(id: string, verdictId: string, label: Label | null) {
		this.said.push({ id, verdictId, label });
	}

	async hold(group: string) {
		if (this.heldElsewhere.has(group)) return null;
		this.held.add(group);
		return () => void this.held.delete(group);
	}

	isHeld = async (group: string) => this.held.has(group) || this.heldElsewhere.has(group);
}
