import { exchangeStates } from '$lib/conscience/exchangeStates';
import { FRAMEWORKS, frameworkHash } from '$lib/conscience/frameworks';
import { certain, type Exchange, type Label } from '$lib/conscience/judge';
import { exchangeId, type Recalled } from '$lib/conscience/memory';
import type { Checkpoint } from '$lib/model/checkpoint';

/** What a class has agreed on of exchanges, by its first framework: their states are those of a checkpoint. */
export async function recalledOf(
	checkpoint: Checkpoint,
	reviewed: readonly (Exchange & { agreed: Label; alternative?: string; contributor?: string })[],
): Promise<Recalled[]> {
	const states = await exchangeStates(checkpoint, reviewed);
	const [framework] = FRAMEWORKS;
	const hash = await frameworkHash(framework!);
	return Promise.all(
		reviewed.map(async ({ question, answer, agreed, alternative, contributor = 'ann' }, i): Promise<Recalled> => ({
			...{ question, answer, agreed, contributor, frameworkId: framework!.id, frameworkHash: hash },
			id: await exchangeId({ question, answer }, hash),
			verdict: certain(agreed),
			judge: { engine: 'frozen-self', model: 'organism', revision: checkpoint.sha256 },
			alternative: alternative === undefined ? null : { answer: alternative, verdict: certain('ethical') },
			alternativeAgreed: alternative !== undefined,
			...{ label: null, model: 'organism', revision: checkpoint.sha256, run: 'r1', step: 4, depositedAt: 1, benefits: [] },
			state: states[i]!,
		})),
	);
}
