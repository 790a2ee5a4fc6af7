import { verdictOf } from '$lib/conscience/judge';
import { exchangeId, type Trajectory } from '$lib/conscience/memory';

const REVISION = 'f'.repeat(64);

/** A reviewed trajectory as a run deposits it, with what a test wants otherwise. */
export async function trajectory({
	values = [1, 0],
	...fields
}: Partial<Omit<Trajectory, 'state' | 'id'>> & { values?: number[] } = {}): Promise<Trajectory> {
	const exchange = { question: 'What do I owe my neighbour?', answer: 'Nothing at all.', ...fields };
	const frameworkHash = fields.frameworkHash ?? 'a'.repeat(64);
	return {
		frameworkId: 'three-laws',
		verdict: verdictOf([0.05, 0.05, 0.9]),
		judge: { engine: 'frozen-self', model: 'organism', revision: REVISION },
		alternative: null,
		label: null,
		model: 'organism',
		revision: REVISION,
		run: 'r1',
		step: 10,
		...exchange,
		frameworkHash,
		id: await exchangeId(exchange, frameworkHash),
		state: { revision: REVISION, values: Float32Array.from(values) },
	};
}
