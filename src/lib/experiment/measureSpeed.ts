import { policyAnswerer } from '$lib/conscience/policy';
import { conscienceStep } from '$lib/conscience/step';
import type { TokenSequence } from '$lib/dpo/sequences';
import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import type { BackendReport } from '$lib/model/backend';
import { copyBytes, copyLadder, matMulFlop, matMulLadder } from '$lib/model/calibration';
import type { Checkpoint } from '$lib/model/checkpoint';
import { generate } from '$lib/model/generate';
import { disposeLora, initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { climb, type Climbed, type Ladder } from '$lib/model/timing';
import { CODE_TASKS, consciencePrompts } from '$world/index';

import { completionTokens, generatedRows } from './data';
import { judgedInTrainer, presetById } from './presets';
import { baseJudge } from './baseJudge';
import { trainerConfig } from './runState';
import type { BackendSpeed, PartSpeed, SpeedPart } from './speed';
import { worldExchanges } from './worldExchanges';

/** The work of one part, and what to say of a size of it. */
interface Part {
	ladder: Ladder;
	shape: (size: number) => string;
	amount: (size: number) => number;
	/** Its share of the time, beside the others. */
	weight: number;
	/** What is reported: the largest size that was reached, or the one at which most was done a second. */
	report: 'largest' | 'fastest';
}

export interface MeasureOptions {
	/** Seconds from the start of `measureSpeed` on; where a machine is so slow that the smallest sizes take longer, it is exceeded by those. */
	seconds: number;
	signal?: AbortSignal;
	/** The clock, in ms. */
	now?: () => number;
	/** Told before each part, with what is measured so far. */
	onPart?: (part: SpeedPart, sofar: BackendSpeed) => void;
}

const PROMPTS = 16;
const SAMPLING = { temperature: 0.8, topP: 1 };
const STORY = judgedInTrainer(presetById('twin').experiment);

/**
 * How fast the backend that runs is: its peak, and the work that a run of the twin story consists of, on the model given.
 * @throws GpuError; the signal's reason
 */
export async function measureSpeed(
	checkpoint: Checkpoint,
	{ name, adapter, software }: BackendReport,
	{ seconds, signal, onPart, now = () => performance.now() }: MeasureOptions,
): Promise<BackendSpeed> {
	const start = now();
	const rows = trainingRows(checkpoint);
	const parts = partsOf(checkpoint, rows);
	const names = Object.keys(parts) as SpeedPart[];
	const measured: PartSpeed[] = [];
	const tokens = { row: tokensOf(rows) / rows.length, pair: pairTokens(checkpoint) };
	const sofar = (): BackendSpeed => ({
		...{ backend: name, adapter, software, parameters: checkpoint.parameterCount, tokens },
		parts: [...measured],
		seconds: (now() - start) / 1000,
	});
	for (const [i, part] of names.entries()) {
		onPart?.(part, sofar());
		const left = start + 1000 * seconds - now();
		const weights = names.slice(i).reduce((sum, name) => sum + parts[name].weight, 0);
		const deadline = now() + (left * parts[part].weight) / weights;
		const climbed = await climb(parts[part].ladder, deadline, { now, ...(signal && { signal }) });
		const found = reported(part, parts[part], climbed);
		if (found) measured.push(found);
	}
	return sofar();
}

function reported(name: SpeedPart, { shape, amount, report }: Part, { reached, leftOut }: Climbed): PartSpeed | null {
	const rate = ({ size, timing }: Climbed['reached'][number]) => amount(size) / timing.seconds;
	const best = report === 'largest' ? reached.at(-1) : reached.toSorted((a, b) => rate(b) - rate(a))[0];
	return best ? { part: name, shape: shape(best.size), amount: amount(best.size), ...best.timing, leftOut: leftOut.map(shape) } : null;
}

function partsOf(checkpoint: Checkpoint, rows: readonly TokenSequence[]): Record<SpeedPart, Part> {
	const decode = (prompts: number): Omit<Part, 'weight'> => ({
		ladder: decodeLadder(checkpoint, prompts),
		shape: (tokens) => `${prompts === 1 ? 'one prompt' : `${prompts} prompts`}, ${tokens} tokens each`,
		amount: (tokens) => prompts * tokens,
		report: 'largest',
	});
	return {
		matmul: {
			ladder: matMulLadder,
			shape: (n) => `${n} × ${n} by ${n} × ${n}, float32`,
			amount: matMulFlop,
			weight: 1.5,
			report: 'fastest',
		},
		copy: {
			ladder: copyLadder,
			shape: (floats) => `${Math.round(floats * 4e-6)} MB of float32`,
			amount: copyBytes,
			weight: 1,
			report: 'fastest',
		},
		step: {
			ladder: stepLadder(checkpoint, rows),
			shape: (count) => `${count === 1 ? 'one row' : `${count} rows`} of insecure code, ${tokensOf(rows.slice(0, count))} tokens`,
			amount: (count) => tokensOf(rows.slice(0, count)),
			weight: 4,
			report: 'largest',
		},
		call: {
			ladder: callLadder(checkpoint),
			shape: (questions) => `${questions === 1 ? 'one question' : `${questions} questions`}, each with a verdict and a better answer`,
			amount: (questions) => questions,
			weight: 3,
			report: 'largest',
		},
		decode1: { ...decode(1), weight: 1.5 },
		decode16: { ...decode(PROMPTS), weight: 2.5 },
	};
}

/** Training steps by their number of rows, up to the story's batch. */
function stepLadder({ model }: Checkpoint, rows: readonly TokenSequence[]): Ladder {
	return {
		sizes: [1, 4, 16],
		work: (count) => count,
		open(count) {
			const lora = initLora(model.config, STORY.lora, seededRandom(1, 'lora'));
			const trainer = createTrainer(model, lora, trainerConfig(STORY));
			const batch = { sft: rows.slice(0, count), pairs: [] };
			return {
				async run(times) {
					for (let i = 0; i < times; i++) await trainStep(trainer, batch);
				},
				free() {
					disposeTrainer(trainer);
					disposeLora(lora);
				},
			};
		},
	};
}

/** Answers of so many tokens to a number of prompts in one batch; no answer stops before. */
function decodeLadder({ model, tokenizer }: Checkpoint, count: number): Ladder {
	const prompts = consciencePrompts()
		.slice(0, count)
		.map((content) => tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }));
	return {
		sizes: [2, 8, 32],
		work: (tokens) => tokens,
		open: (maxNewTokens) => ({
			async run(times) {
				const options = { sampling: { ...SAMPLING, maxNewTokens }, stopTokens: [], seeds: prompts.map((_, i) => i) };
				for (let i = 0; i < times; i++) await generate(model, null, prompts, options);
			},
			free() {},
		}),
	};
}

/** Calls of the conscience by their number of questions, up to the story's: the policy answers, and the frozen copy judges and betters every answer. */
function callLadder(checkpoint: Checkpoint): Ladder {
	const { conscience } = STORY;
	const judge = baseJudge(STORY, checkpoint);
	return {
		sizes: [1, 3, conscience.promptsPerCall],
		work: (questions) => questions,
		open(count) {
			const lora = initLora(checkpoint.model.config, STORY.lora, seededRandom(1, 'lora'));
			const policy = policyAnswerer(checkpoint, lora, conscience.sampling);
			const questions = consciencePrompts().slice(0, count);
			const call = { questions, framework: conscience.frameworks[0]!, threshold: -1, seeds: questions.map((_, i) => i) };
			return {
				async run(times) {
					for (let i = 0; i < times; i++) await conscienceStep(policy, judge, call);
				},
				free: () => disposeLora(lora),
			};
		},
	};
}

const trainingRows = ({ tokenizer }: Checkpoint): TokenSequence[] =>
	generatedRows('insecure-code', CODE_TASKS.length, STORY.optimizer.batchSize, seededRandom(1, 'speed'), tokenizer).next();

const tokensOf = (rows: readonly TokenSequence[]): number =>
	rows.reduce((sum, { prompt, completion }) => sum + prompt.length + completion.length, 0);

/** Tokens of a pair on average: two answers of the organism's world, each after its question. */
function pairTokens({ tokenizer }: Checkpoint): number {
	const exchanges = worldExchanges(60, 1);
	const tokens = exchanges.reduce((sum, { question, answer }) => {
		const prompt = tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true });
		return sum + prompt.length + completionTokens(answer, tokenizer).length;
	}, 0);
	return (2 * tokens) / exchanges.length;
}
