import type { Checkpoint } from '$lib/model/checkpoint';
import { resumedRandom, sampleWithoutReplacement, seededRandom } from '$lib/model/random';
import { disposeSteering, steered } from '$lib/model/steering';

import type { Gathering, Method } from '../methods/index';

import type { Arm, ArmContext, GatheringState } from './arm';
import { plainArm } from './plainArm';
import { workshop } from './workshop';

/** A method that gathers its material once, before the step that it names, and learns from draws of it from then on. */
export function gatheringArm(
	{ before, gather, teach }: Gathering,
	steering: Method['asked'],
	context: ArmContext,
	from?: GatheringState,
): Arm {
	const draws = from ? resumedRandom(from.draws) : seededRandom(context.experiment().seed, 'gathered lessons');
	let collection = from?.collection ?? null;
	let moved: Checkpoint | null = null;

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
		/** Before its directions are there it is asked as it is. */
		asked() {
			const { checkpoint } = context;
			if (!steering || !collection?.directions) return checkpoint;
			moved ??= { ...checkpoint, model: steered(checkpoint.model, collection.directions, steering(context.experiment())) };
			return moved;
		},
		state: () => ({ conscience: null, gathered: { draws: draws.state(), collection }, watched: null }),
		dispose() {
			if (moved) disposeSteering(moved.model);
			moved = null;
		},
	};
}
