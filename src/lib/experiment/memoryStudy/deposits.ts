/** The class of the study: what its contributors leave in a memory, who reads it after them, and what a poisoner makes of it. */
import { certain, type Label } from '$lib/conscience/judge';
import { ListMemory } from '$lib/conscience/listMemory';
import { exchangeId, type PooledState, type Recalled, type Trajectory } from '$lib/conscience/memory';
import { sampleWithoutReplacement, seededRandom } from '$lib/model/random';
import { trueLabel } from '$world/index';

/** What a contributor leaves, with the state of its alternative: a poisoner leaves that in its place. */
export interface Deposit extends Trajectory {
	alternativeState: PooledState | null;
}

/** What is done to deposits: nothing, a share of them turned round, or all of one contributor's, who may have joined under a second name. */
export type Poison = { kind: 'none' } | { kind: 'flips'; share: number } | { kind: 'one'; twice: boolean };

/** How often a person who labels errs, in the study: some of what is put to them is easy to misread. */
export const READER_ERRS = 0.05;

const TURNED: Readonly<Record<Label, Label>> = { ethical: 'unethical', neutral: 'unethical', unethical: 'ethical' };

/** A deposit with all that it says turned round: where there is a better answer, that and the bad one change places. */
export async function turned(deposit: Deposit): Promise<Deposit> {
	const { alternative, alternativeState, question, answer, frameworkHash, state, verdict } = deposit;
	if (!alternative || !alternativeState) return { ...deposit, verdict: certain(TURNED[verdict.label]), alternative: null };
	const exchange = { question, answer: alternative.answer };
	return {
		...deposit,
		...exchange,
		id: await exchangeId(exchange, frameworkHash),
		verdict: certain('unethical'),
		alternative: { answer, verdict: certain('ethical') },
		state: alternativeState,
		alternativeState: state,
	};
}

/** What becomes of the deposits of a class. */
export interface ClassMemory {
	trajectories: Recalled[];
	deposited: number;
	/** Deposits that were turned round, those of them that the memory gives out as its own, and how many of these are ready pairs. */
	poison: { deposited: number; out: number; pairs: number };
	/** Labels that people gave. */
	labelled: number;
}

/**
 * The memory of a class whose contributors (by name) left these deposits. With a quorum of 2 or more each deposit waits until the next
 * contributor, a person, has read the answer and what stands in its place: they know the truth, and err in `READER_ERRS` of the cases; what
 * means nothing they call neutral. A malicious one turns what they say of others', too; their second name only confirms the first one's.
 */
export async function classMemory(
	deposits: ReadonlyMap<string, readonly Deposit[]>,
	{ quorum, poison, seed }: { quorum: number; poison: Poison; seed: number },
): Promise<ClassMemory> {
	const memory = new ListMemory(quorum, Infinity, () => 0);
	const names = [...deposits.keys()];
	const malicious = poison.kind === 'one' ? names.at(-1)! : null;
	const bad = new Map<string, Label>();
	let labelled = 0;
	const label = (reader: string, exchange: string, answer: string) => {
		const truth = trueLabel(answer);
		const said = truth === 'incoherent' ? 'neutral' : truth;
		const errs = seededRandom(seed, `reader ${reader} ${exchange}`)() < READER_ERRS;
		memory.say(exchange, { labeller: reader, label: errs !== (reader === malicious) ? TURNED[said] : said });
		labelled++;
	};
	for (const [i, name] of names.entries()) {
		for (const own of deposits.get(name)!) {
			const isBad = poison.kind === 'flips' ? seededRandom(seed, `poison ${name} ${own.id}`)() < poison.share : name === malicious;
			const { alternativeState, ...left } = isBad ? await turned(own) : own;
			await memory.of(name).deposit([left]);
			if (isBad) bad.set(left.id, left.verdict.label);
			if (isBad && poison.kind === 'one' && poison.twice) await memory.of(`${name} again`).deposit([left]);
			if (quorum < 2) continue;
			const reader = names[(i + 1) % names.length]!;
			label(reader, left.id, left.answer);
			if (left.alternative) label(reader, await exchangeId({ ...left, answer: left.alternative.answer }, left.frameworkHash), left.alternative.answer); // prettier-ignore
		}
	}
	const trajectories = memory.recalled();
	const out = trajectories.filter(({ id, agreed }) => bad.get(id) === agreed);
	const pairs = out.filter(({ agreed, alternativeAgreed }) => agreed === 'unethical' && alternativeAgreed).length;
	const deposited = [...deposits.values()].reduce((sum, { length }) => sum + length, 0);
	return { trajectories, deposited, poison: { deposited: bad.size, out: out.length, pairs }, labelled };
}

/** The memory with its alternatives dealt to other answers, none to its own. */
export function dealtAnew(trajectories: readonly Recalled[], seed: number): Recalled[] {
	const mended = trajectories.filter(({ alternative, alternativeAgreed }) => alternative && alternativeAgreed);
	const order = sampleWithoutReplacement(seededRandom(seed, 'alternatives dealt'), mended, mended.length);
	const next = new Map(order.map(({ id }, i) => [id, order[(i + 1) % order.length]!.alternative]));
	return trajectories.map((trajectory) => ({ ...trajectory, alternative: next.get(trajectory.id) ?? trajectory.alternative }));
}

/** The memory with what it says turned round wherever a coin says so; `states` are those of alternatives, by their exchange. */
export async function byCoin(
	trajectories: readonly Recalled[],
	states: ReadonlyMap<string, PooledState>,
	seed: number,
): Promise<Recalled[]> {
	const each = trajectories.map(async (trajectory): Promise<Recalled> => {
		if (seededRandom(seed, `coin ${trajectory.id}`)() < 0.5) return trajectory;
		const { alternative, question, frameworkHash, agreed, contributor, depositedAt, benefits, alternativeAgreed } = trajectory;
		const other = alternative && alternativeAgreed ? await exchangeId({ question, answer: alternative.answer }, frameworkHash) : null;
		const alternativeState = other === null ? null : (states.get(other) ?? null);
		const round = await turned({ ...trajectory, verdict: certain(agreed), alternativeState });
		const { alternativeState: _, ...left } = round;
		return { ...left, contributor, depositedAt, benefits, agreed: left.verdict.label, alternativeAgreed: left.alternative !== null };
	});
	return [...new Map((await Promise.all(each)).map((one) => [one.id, one])).values()]; // an answer in whose place two others stood is one now
}
