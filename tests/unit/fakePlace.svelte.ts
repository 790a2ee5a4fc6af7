/** A place for the link with a history, as the address bar has. */
export class FakePlace {
	history = $state.raw<readonly string[]>([]);

	constructor(query: string) {
		this.history = [query];
	}

	get query(): string {
		return this.history.at(-1)!;
	}

	go(query: string): void {
		this.history = [...this.history, query];
	}

	back(): void {
		this.history = this.history.slice(0, -1);
	}
}
