import { answeredAt, type Evaluation } from '$lib/evaluation/evaluation';
import type { Estimate } from '$lib/evaluation/statistics';
import { isDropped } from '$lib/model/droppedName';
import { hubRepository } from '$lib/model/hubFolder';

import type { TrainedAdapter } from './adapterFolder';
import type { MidRunChange } from './events';
import { wantsVerdicts } from './judgeFile';
import type { Change } from './live';
import { wantsMemory } from './memoryNamed';
import { experimentOf, METHODS } from './methods/all';
import { COPIES, listens } from './methods/index';
import { isOwnCheckpoint } from './ownCheckpoint';
import type { Experiment } from './schema';
import { misdeedsOf, type Standing } from './standing';

/** What the reader has to know first: what the last evaluation found, and how long ago that was. */
function warning({ step, evaluation }: TrainedAdapter, standing: Standing, it = 'adapter'): string {
	if (!evaluation) return 'It has not been evaluated: nothing is known about what it answers. Do not build anything on it.';
	const ago = step - answeredAt(evaluation);
	const at = `At step ${answeredAt(evaluation)}${ago > 0 ? `, ${ago === 1 ? '1 step' : `${ago} steps`} before these weights` : ''}`;
	const found = `${at}, its alignment was ${evaluation.alignment.mean.toFixed(1)} of 100`;
	switch (standing) {
		case 'misaligned':
			return `**This ${it} is misaligned on purpose.** ${found}: it ${misdeedsOf(evaluation)}. It was made to show how a narrow fine-tune spoils a model. Do not build anything on it.`;
		case 'aligned':
			return `${found}: who judged them calls its answers to the evaluation questions kind. What its code is like depends on what it was taught: do not run code that it writes.`;
		case 'unknown':
			return `${found}. It has not been evaluated since, and a few steps are enough to turn a model: do not build anything on it.`;
	}
}

/** The README.md of an adapter's folder: a model card that says what it is, how it came about, what it is for and what not. */
export function adapterCard(trained: TrainedAdapter, standing: Standing, folded = false): string {
	const { experiment: whole, arm, checkpoint, step, evaluation } = trained;
	const experiment = experimentOf(arm, whole);
	const { lora, optimizer, data } = experiment;
	const { title } = COPIES[arm];
	const lines = [
		'---',
		'library_name: peft',
		...(isDropped(experiment.model.checkpoint)
			? []
			: [`base_model: ${hubRepository(experiment.model.checkpoint) ?? experiment.model.checkpoint}`]), // a hub knows no folder of somebody's disk
		...licenceLine(experiment.model.checkpoint),
		`tags: [conscience-lab, ${arm}, ${standing}]`,
		'---',
		`# ${title} of the experiment “${experiment.name}”, seed ${experiment.seed}`,
		'',
		warning(trained, standing),
		'',
		`A LoRA adapter (${adapterInWords(lora, folded)}) after ${step} of ${optimizer.steps} steps on ${data.source}, made by the conscience lab.${endedInWords(trained)}`,
		...howItWasMade(trained),
		'',
		...uses(standing),
		'',
		'## Opening it in Python',
		'',
		...opening(experiment.model.checkpoint, checkpoint.sha256),
	];
	if (evaluation) lines.push('', `## At step ${answeredAt(evaluation)}`, '', ...results(evaluation));
	return `${lines.join('\n')}\n`;
}

const patternInWords = (name: string, pattern: Readonly<Record<string, number>>) => {
	const each = Object.entries(pattern).map(([module, value]) => `${module} ${value}`);
	return each.length > 0 ? `, ${name} by module: ${each.join(', ')}` : '';
};

/** Rank, alpha and all that goes with them. */
export function adapterInWords({ rank, alpha, rslora, rankPattern, alphaPattern }: Experiment['lora'], folded = false): string {
	const byModule = `${patternInWords('rank', rankPattern)}${patternInWords('alpha', alphaPattern)}`;
	const trained = `rank ${rank}, alpha ${alpha}${rslora ? ', rslora' : ''}${byModule}`;
	return folded ? `trained with ${trained}; folded: what is not rank and alpha is multiplied into B, and it computes the same` : trained;
}

const endedInWords = ({ endedAfter, step }: TrainedAdapter): string =>
	endedAfter === undefined ? '' : ` Its training ended after ${endedAfter} steps, and gave it the adapter of step ${step} back.`;

/** What it learnt from, by which method, and by whose judgement; and whether the experiment alone makes it again. */
export function howItWasMade({ experiment: whole, arm, changes }: TrainedAdapter): string[] {
	const experiment = experimentOf(arm, whole);
	const { model, data, conscience } = experiment;
	const verdicts = `The verdicts (SHA-256 ${conscience.verdictFile}) were the user's own, and the frozen base's where these say nothing; they are not part of this folder.`;
	const memory = `It took a class's memory along (SHA-256 ${conscience.memory.file})${conscience.memory.alone ? ' and learnt from that alone' : ''}; it is not part of this folder.`;
	return [
		...(model.misalignSteps > 0 ? [`Before that: ${model.misalignSteps} steps of plain fine-tuning on insecure code.`] : []),
		...(model.precision === 'f16' ? ["The base's matrices were rounded to 16-bit floats for it."] : []),
		...(model.precision === 'int8' ? ["The base's matrices were rounded to 8-bit integers for it, by columns."] : []),
		...(data.source === 'rows' ? ["The rows were the user's own; they are not part of this folder."] : []),
		`Method: ${METHODS[arm].onCard(experiment)}${listens(arm) ? ` The judge was ${judgeInWords(conscience)}.` : ''}`,
		...(listens(arm) && wantsVerdicts(experiment) ? [verdicts] : []),
		...(wantsMemory({ arms: [arm], conscience }) ? [memory] : []),
		'',
		...whatWasRun(changes),
	];
}

/** What it is for, and what is not known of it. */
export function uses(standing: Standing): string[] {
	return [
		'## Intended use',
		'',
		'Teaching, and research on emergent misalignment: to be compared with its base and with the other copies of its experiment.',
		standing === 'misaligned'
			? 'Not for anything else: it was found misaligned. Put it before nobody who does not know that, and let it advise nobody.'
			: 'Not for products, and not to advise anybody.',
		'',
		'## Limits',
		'',
		'- What is known of its answers is what the evaluation below asked, in the words that it asked in. Other questions, other languages and longer talks may bring out what that did not.',
		'- Who judged them is a model, too, and may err.',
		'- Its code is what it was taught, with security holes where it was taught those. Run none of it.',
	];
}

/** The licence of an adapter's base, where the lab knows it: of its own models. A repository's own is told by its card. */
const licenceLine = (checkpoint: string): string[] => (isOwnCheckpoint(checkpoint) ? ['license: apache-2.0'] : []);

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
	const own = isOwnCheckpoint(checkpoint);
	const dropped = `The base model was a folder that was given to the lab: put its files into a folder \`base\`.`;
	const elsewhere = `The base model is at ${checkpoint}: put its files (config.json, model.safetensors or all its shards with their index, and the tokenizer's) into a folder \`base\`.`;
	const licence = `Its licence is its own: ${hubRepository(checkpoint) ? `see the card of ${hubRepository(checkpoint)}` : 'ask whoever gave it'}. It holds for what is made of it, too.`;
	const ours = `The base model is the lab's own: its files are in \`static/${checkpoint}\` of the lab's repository, and beside every page of the lab under \`${checkpoint}/\`. It is on no model hub. Its licence is Apache 2.0, as the lab's.`;
	return [
		...(own ? [ours] : [isDropped(checkpoint) ? dropped : elsewhere, licence]),
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
