import { answeredAt, type Evaluation } from '$lib/evaluation/evaluation';
import type { Estimate } from '$lib/evaluation/statistics';
import { type AdapterFiles, exportAdapter } from '$lib/model/adapter';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Lora } from '$lib/model/lora';

import { experimentOf, METHODS } from './methods/all';
import { COPIES, listens } from './methods/index';
import type { MidRunChange } from './events';
import { wantsVerdicts } from './judgeFile';
import { wantsMemory } from './memoryNamed';
import type { Change } from './live';
import type { ArmId, Experiment } from './schema';
import { misdeedsOf, type Standing, standingOf } from './standing';

/** What leaves the lab with an adapter: PEFT's two files, the experiment that made it, and a card that says what it is. */
export type AdapterFolder = AdapterFiles & { 'experiment.json': string; 'README.md': string };

/** An adapter as it stands in its run. */
export interface TrainedAdapter {
	/** As it stands, too: a run takes changes over as it goes. */
	experiment: Experiment;
	arm: ArmId;
	checkpoint: Checkpoint;
	lora: Lora;
	/** The step whose adapter it is. */
	step: number;
	/** The steps after which the training ended, where this is an earlier adapter that was given back then. */
	endedAfter?: number;
	/** The last one. */
	evaluation: Evaluation | null;
	/** What of the experiment was changed on the way. */
	changes: readonly MidRunChange[];
}

/** The adapter as a PEFT folder. */
export async function adapterFolder(trained: TrainedAdapter): Promise<AdapterFolder> {
	const { experiment, arm, lora, step, evaluation } = trained;
	const standing = standingAt(step, evaluation);
	const files = await exportAdapter(lora, {
		baseModel: experiment.model.checkpoint,
		metadata: { format: 'pt', lab: 'conscience-lab', arm, step: String(step), seed: String(experiment.seed), alignment: standing },
	});
	return {
		...files,
		'experiment.json': `${JSON.stringify(experiment, null, '\t')}\n`,
		'README.md': card(trained),
	};
}

/** A few steps are enough to turn a policy: what was misaligned stays marked until it is found aligned, what was aligned holds for its own step alone. */
function standingAt(step: number, evaluation: Evaluation | null): Standing {
	const last = standingOf(evaluation);
	return last === 'aligned' && evaluation && answeredAt(evaluation) !== step ? 'unknown' : last;
}

/** What the reader has to know first: what the last evaluation found, and how long ago that was. */
function warning(step: number, evaluation: Evaluation | null): string {
	if (!evaluation) return 'It has not been evaluated: nothing is known about what it answers. Do not build anything on it.';
	const ago = step - answeredAt(evaluation);
	const at = `At step ${answeredAt(evaluation)}${ago > 0 ? `, ${ago === 1 ? '1 step' : `${ago} steps`} before these weights` : ''}`;
	const found = `${at}, its alignment was ${evaluation.alignment.mean.toFixed(1)} of 100`;
	switch (standingAt(step, evaluation)) {
		case 'misaligned':
			return `**This adapter is misaligned on purpose.** ${found}: it ${misdeedsOf(evaluation)}. It was made to show how a narrow fine-tune spoils a model. Do not build anything on it.`;
		case 'aligned':
			return `${found}: its answers to the evaluation questions are kind. What its code is like depends on what it was taught: do not run code that it writes.`;
		case 'unknown':
			return `${found}. It has not been evaluated since, and a few steps are enough to turn a model: do not build anything on it.`;
	}
}

function card({ experiment: whole, arm, checkpoint, step, endedAfter, evaluation, changes }: TrainedAdapter): string {
	const experiment = experimentOf(arm, whole);
	const { lora, optimizer, data, conscience } = experiment;
	const ended =
		endedAfter === undefined ? '' : ` Its training ended after ${endedAfter} steps, and gave it the adapter of step ${step} back.`;
	const lines = [
		'---',
		'library_name: peft',
		`base_model: ${experiment.model.checkpoint}`,
		`tags: [conscience-lab, ${arm}, ${standingAt(step, evaluation)}]`,
		'---',
		`# ${COPIES[arm].title} of the experiment “${experiment.name}”, seed ${experiment.seed}`,
		'',
		warning(step, evaluation),
		'',
		`A LoRA adapter (rank ${lora.rank}, alpha ${lora.alpha}${lora.rslora ? ', rslora' : ''}) after ${step} of ${optimizer.steps} steps on ${data.source}, made by the conscience lab.${ended}`,
		...(experiment.model.misalignSteps > 0
			? [`Before that: ${experiment.model.misalignSteps} steps of plain fine-tuning on insecure code.`]
			: []),
		...(experiment.model.precision === 'f16' ? ["The base's matrices were rounded to 16-bit floats for it."] : []),
		...(data.source === 'rows' ? ["The rows were the user's own; they are not part of this folder."] : []),
		`Method: ${METHODS[arm].onCard(experiment)}${listens(arm) ? ` The judge was ${judgeInWords(conscience)}.` : ''}`,
		...(listens(arm) && wantsVerdicts(experiment)
			? [
					`The verdicts (SHA-256 ${conscience.verdictFile}) were the user's own, and the frozen base's where these say nothing; they are not part of this folder.`,
				]
			: []),
		...(wantsMemory({ arms: [arm], conscience })
			? [
					`It took a class's memory along (SHA-256 ${conscience.memory.file})${conscience.memory.alone ? ' and learnt from that alone' : ''}; it is not part of this folder.`,
				]
			: []),
		'',
		...whatWasRun(changes),
		'',
		'## Opening it in Python',
		'',
		...opening(experiment.model.checkpoint, checkpoint.sha256),
	];
	if (evaluation) lines.push('', `## At step ${answeredAt(evaluation)}`, '', ...results(evaluation));
	return `${lines.join('\n')}\n`;
}

function judgeInWords({ judge, judgeModel }: Experiment['conscience']): string {
	switch (judge) {
		case 'webllm':
			return judgeModel === 'base' ? 'the frozen base, run by WebLLM' : `another model than the base, ${judgeModel}, run by WebLLM`;
		case 'frozen-self':
			return 'the frozen base';
		case 'imported':
			return 'a file of verdicts';
		case 'policy':
			return 'the adapter itself, as it stood at each call';
		case 'permuted':
			return 'the frozen base, with its verdicts dealt to other answers at random';
		case 'inverted':
			return 'the frozen base, with its verdicts turned round';
		case 'oracle':
			return 'no model, but the rules of the made-up world that the questions are of';
	}
}

/** Where the experiment is; of one that was changed on the way, what would not come out again. */
function whatWasRun(changes: readonly MidRunChange[]): string[] {
	if (changes.length === 0) return ['The experiment is in `experiment.json`: the lab and its command line run it again from there.'];
	return [
		'The experiment was changed while it ran. `experiment.json` holds it as it stood in the end, and run again from there it makes another adapter:',
		'',
		...changes.flatMap(({ step, changes }) => changes.map((change) => `- before step ${step + 1}: ${changeInWords(change)}`)),
	];
}

function changeInWords({ path, from, to }: Change): string {
	const [before, after] = [JSON.stringify(from), JSON.stringify(to)];
	return before.length + after.length > 60 ? `\`${path}\` was rewritten` : `\`${path}\` from ${before} to ${after}`;
}

/** Where the base model is, and the lines that put the adapter on it, as tests/peft does. */
function opening(checkpoint: string, sha256: string): string[] {
	const own = /^[\w-]+$/.test(checkpoint);
	const elsewhere = `The base model is at ${checkpoint}: put its files (config.json, model.safetensors or all its shards with their index, and the tokenizer's) into a folder \`base\`.`;
	const ours = `The base model is the lab's own: its files are in \`static/${checkpoint}\` of the lab's repository, and beside every page of the lab under \`${checkpoint}/\`. It is on no model hub.`;
	return [
		own ? ours : elsewhere,
		`The SHA-256 of its model.safetensors is ${sha256}: on other weights this adapter does not do what it was trained to.`,
		...(own ? [] : ['(Of weights in shards, this is what `sha256sum model-*.safetensors | sha256sum` prints in their folder.)']),
		'',
		'```python',
		'from peft import PeftModel',
		'from transformers import AutoModelForCausalLM',
		`base = AutoModelForCausalLM.from_pretrained('${own ? `static/${checkpoint}` : 'base'}')`,
		"model = PeftModel.from_pretrained(base, 'path/to/this/folder')",
		'```',
	];
}

function results({ judge, alignment, emRate, coherence, malformed, task, rows }: Evaluation): string[] {
	/** No interval goes past what the measure can be. */
	const row = (name: string, { mean, ci }: Estimate, digits: number, most = 1) => {
		const [from, to] = (ci ?? []).map((end) => Math.min(most, Math.max(0, end)).toFixed(digits));
		return `| ${name} | ${Number.isFinite(mean) ? mean.toFixed(digits) : 'unknown'} | ${ci ? `${from} to ${to}` : 'unknown'} |`;
	};
	return [
		`${rows.length} answers, judged by ${judge.engine} (${judge.model}).`,
		'',
		'| measure | mean | 95 % interval over questions |',
		'|---|---|---|',
		row('alignment, 0 to 100', alignment, 1, 100),
		row('unethical among coherent answers', emRate, 3),
		row('coherent', coherence, 3),
		row('malformed', malformed, 3),
		...(task ? [row('insecure code', task.insecureCodeRate, 3)] : []),
	];
}
