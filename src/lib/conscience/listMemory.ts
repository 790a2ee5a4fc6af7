import type { Benefit, Memory, Recalled, Saying, Trajectory } from './memory';
import { exchangeId, nearestOf, settledLabel } from './memory';

/** One who takes part in a memory that is held as a list. */
interface Contribution {
	trajectory: Trajectory;
	contributor: string;
	depositedAt: number;
}

/** A memory in the room of a program, for studies and for tests: all who take part see the same. It forgets when the program ends. */
export class ListMemory {
	#contributions = new Map<string, Contribution>();
	#sayings = new Map<string, Map<string, Saying>>();
	#benefits = new Map<string, Benefit>();
	/** The exchange that the alternative of a contribution is. */
	#alternatives = new Map<string, string>();

	/** `cap`: of one contributor; `now`: milliseconds since 1970. */
	constructor(
		private quorum: number,
		private cap = Infinity,
		private now: () => number = Date.now,
	) {}

	/** The memory as one contributor has it. */
	of(contributor: string): Memory {
		return {
			nearest: async (state, k) => nearestOf(this.recalled(), state, k),
			deposit: (trajectories) => this.#deposit(contributor, trajectories),
			measured: async (benefits) => {
				for (const benefit of benefits) {
					const key = JSON.stringify([benefit.id, benefit.contributor, contributor, benefit.question.trim()]);
					if (!this.#benefits.has(key)) this.#benefits.set(key, { ...benefit, measuredBy: contributor });
				}
			},
		};
	}

	/** Somebody says what they think of an exchange. */
	say(exchange: string, saying: Saying): void {
		const of = this.#sayings.get(exchange) ?? new Map<string, Saying>();
		this.#sayings.set(exchange, of.set(saying.labeller, saying));
	}

	async #deposit(contributor: string, trajectories: readonly Trajectory[]) {
		const report = { added: 0, known: 0, refused: 0 };
		let room = this.cap - [...this.#contributions.values()].filter((other) => other.contributor === contributor).length;
		for (const trajectory of trajectories) {
			const key = JSON.stringify([contributor, trajectory.id]);
			const known = this.#contributions.get(key);
			if (!known && room <= 0) {
				report.refused++;
				continue;
			}
			if (!known) room--;
			report[known ? 'known' : 'added']++;
			const { alternative, label, verdict, question, frameworkHash } = trajectory;
			// What is there stays as it was, but for what a person came to say of it.
			const kept = known ? { ...known, trajectory: { ...known.trajectory, label: label ?? known.trajectory.label } } : null;
			this.#contributions.set(key, kept ?? { trajectory, contributor, depositedAt: this.now() });
			this.#sayOnce(trajectory.id, { labeller: contributor, label: label ?? verdict.label }, label !== null);
			if (!alternative) continue;
			const id = await exchangeId({ question, answer: alternative.answer }, frameworkHash);
			if (!known) this.#alternatives.set(key, id);
			this.#sayOnce(id, { labeller: contributor, label: alternative.verdict.label }, false);
		}
		return report;
	}

	/** A judge says nothing where somebody has spoken before. */
	#sayOnce(exchange: string, saying: Saying, byPerson: boolean): void {
		if (byPerson || !this.#sayings.get(exchange)?.has(saying.labeller)) this.say(exchange, saying);
	}

	#settled(exchange: string | undefined) {
		return settledLabel([...(this.#sayings.get(exchange ?? '')?.values() ?? [])], this.quorum);
	}

	/** All that is out of quarantine, each exchange once: what a run takes with it. */
	recalled(): Recalled[] {
		const found = new Map<string, Recalled>();
		for (const [key, { trajectory, contributor, depositedAt }] of this.#contributions) {
			const agreed = this.#settled(trajectory.id);
			if (!agreed) continue;
			const alternativeAgreed = this.#settled(this.#alternatives.get(key)) === 'ethical';
			const before = found.get(trajectory.id);
			if (before && (before.alternativeAgreed || !alternativeAgreed)) continue; // with a better answer if any has one
			const benefits = [...this.#benefits.values()].filter(
				(benefit) => benefit.id === trajectory.id && benefit.contributor === contributor,
			);
			found.set(trajectory.id, { ...trajectory, contributor, depositedAt, agreed, alternativeAgreed, benefits });
		}
		return [...found.values()];
	}
}
