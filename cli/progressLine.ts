/** One line on stderr that tells how far a run is. On a terminal it is rewritten in place; in a log it appears every ten seconds. */
export class ProgressLine {
	#last = 0;

	constructor(private readonly title: string) {}

	show(phase: string, done: number, total: number, secondsLeft: number | null): void {
		const left = secondsLeft === null ? '' : `, ${duration(secondsLeft)} left in this run`;
		this.say(`${phase} ${done}/${total}${left}`);
	}

	say(text: string): void {
		const terminal = process.stderr.isTTY;
		if (!terminal && Date.now() - this.#last < 10_000) return;
		this.#last = Date.now();
		process.stderr.write(terminal ? `\r\u001b[2K${this.title}: ${text}` : `${this.title}: ${text}\n`);
	}

	end(): void {
		process.stderr.write(process.stderr.isTTY ? '\r\u001b[2K' : '');
	}
}

export const duration = (seconds: number) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);
