import { resumedRandom, sampleWithoutReplacement, seededRandom } from '$lib/model/random';

import type { Gathering } from '../methods/index';

import type { Arm, ArmContext, GatheringState } from './arm';
import { plainArm } from './plainArm';
import { workshop } from './workshop';

/** A method that gathers its material once, before the step that it names, and learns from draws of it from then on. */
export function gatheringArm({ before, gather, teach }: Gathering, context: ArmContext, from?: GatheringState): Arm {
	const draws = from ? resumedRandom(from.draws) : seededRandom(context.experiment().seed, 'gathered lessons');
	let collection = from?.collection ?? null;

	return {
		...plainArm(context.checkpoint),
		async *prepare(step) {
			const experiment = context.experiment();
			const { conscience, optimizer } = experiment;
			if (!collection && step >= before(experiment)) {
				yield { kind: 'progress', phase: 'conscience', done: step, total: optimizer.steps, secondsLeft: null };
				collection = yield* gather(workshop(context, step));
			}
			if (!collection) return {};
			const due = conscience.lambda > 0 && step % conscience.dpoEvery === 0;
			return teach(collection, { experiment, step, due, some: (items, count) => sampleWithoutReplacement(draws, items, count) });
		},
		state: () => ({ conscience: null, gathered: { draws: draws.state(), collection }, watched: null }),
	};
}
