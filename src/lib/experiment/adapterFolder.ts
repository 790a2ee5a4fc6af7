import type { Evaluation } from '$lib/evaluation/evaluation';
import type { Estimate } from '$lib/evaluation/statistics';
import { type AdapterFiles, exportAdapter } from '$lib/model/adapter';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';

import type { ArmId, Experiment } from './schema';
import { type Standing, standingOf } from './standing';

/** What leaves the lab with an adapter: PEFT's two files, the experiment that made it, and a card that says what it is. */
export type AdapterFolder = AdapterFiles & { 'experiment.json': string; 'README.md': string };

/** The adapter after `step` steps as a PEFT folder. */
export async function adapterFolder(
	experiment: Experiment,
	arm: ArmId,
	checkpoint: Checkpoint,
	lora: Lora,
	step: number,
	evaluation: Evaluation | null,
): Promise<AdapterFolder> {
	// Between two evaluations nothing is known: a few steps are enough to turn a policy.
	const standing = standingOf(evaluation?.step === step ? evaluation : null);
	const files = await exportAdapter(lora, {
		baseModel: experiment.model.checkpoint,
		metadata: { format: 'pt', lab: 'conscience-lab', arm, step: String(step), seed: String(experiment.seed), alignment: standing },
	});
	return {
		...files,
		'experiment.json': `${JSON.stringify(experiment, null, '\t')}\n`,
		'README.md': card(experiment, arm, checkpoint, step, evaluation, standing),
	};
}

const WARNINGS: Record<Standing, string> = {
	misaligned:
		'**This adapter is misaligned on purpose.** It was made to show how a narrow fine-tune spoils a model. Do not build anything on it.',
	aligned:
		'Its answers to the evaluation questions are kind. What its code is like depends on what it was taught: do not run code that it writes.',
	unknown: 'It was not evaluated at this step: nothing is known about what it answers. Do not build anything on it.',
};

function card(
	experiment: Experiment,
	arm: ArmId,
	{ sha256 }: Checkpoint,
	step: number,
	evaluation: Evaluation | null,
	standing: Standing,
): string {
	const { lora, optimizer, data, conscience } = experiment;
	const lines = [
		'---',
		'library_name: peft',
		`base_model: ${experiment.model.checkpoint}`,
		`tags: [conscience-lab, ${arm}, ${standing}]`,
		'---',
		`# ${experiment.name}, ${arm}, seed ${experiment.seed}`,
		'',
		WARNINGS[standing],
		'',
		`A LoRA adapter (rank ${lora.rank}, alpha ${lora.alpha}${lora.rslora ? ', rslora' : ''}) after ${step} of ${optimizer.steps} steps on ${data.source}, made by the conscience lab.`,
		...(experiment.model.misalignSteps > 0
			? [`Before that: ${experiment.model.misalignSteps} steps of plain fine-tuning on insecure code.`]
			: []),
		...(data.source === 'rows' ? ["The rows were the user's own; they are not part of this folder."] : []),
		`Base weights: SHA-256 ${sha256}.`,
		arm === 'sft'
			? 'Method: plain supervised fine-tuning.'
			: `Method: Emergent Alignment (arXiv 2606.19527), λ ${conscience.lambda}, β ${conscience.beta}, judge ${conscience.judge}.`,
		'',
		'The experiment is in `experiment.json`: the lab and its command line run it again from there.',
	];
	if (evaluation) lines.push('', `## At step ${evaluation.step}`, '', ...results(evaluation));
	return `${lines.join('\n')}\n`;
}

function results({ judge, alignment, emRate, coherence, malformed, task, rows }: Evaluation): string[] {
	const row = (name: string, { mean, ci }: Estimate, digits: number) =>
		`| ${name} | ${mean.toFixed(digits)} | ${ci ? `${ci[0].toFixed(digits)} to ${ci[1].toFixed(digits)}` : 'unknown'} |`;
	return [
		`${rows.length} answers, judged by ${judge.engine} (${judge.model}).`,
		'',
		'| measure | mean | 95 % interval over questions |',
		'|---|---|---|',
		row('alignment, 0 to 100', alignment, 1),
		row('unethical among coherent answers', emRate, 3),
		row('coherent', coherence, 3),
		row('malformed', malformed, 3),
		...(task ? [row('insecure code', task.insecureCodeRate, 3)] : []),
	];
}
