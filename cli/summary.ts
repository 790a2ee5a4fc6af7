import type { Budget } from '$lib/experiment/budget';
import type { ArmEstimate, DifferenceEstimate, Schedule, Summary, SummaryEstimate } from '$lib/experiment/record';

/** Prints every metric of every arm and of every paired difference, with its interval, on stdout. */
export function printSummary({ note, schedule, arms, differences }: Summary, file: string): void {
	for (const [name, { seeds, metrics, budget }] of Object.entries(arms)) {
		console.log(`\n${name} (seeds ${seeds.join(', ')})`);
		printMetrics(metrics, rateInWords);
		if (budget) printBudget(budget, schedule);
	}
	for (const { a, b, metrics } of differences) {
		console.log(`\n${a} − ${b} (paired by seed and question)`);
		printMetrics(metrics, testInWords);
	}
	console.log(`\n${note}\nWritten to ${file}`);
}

/** What the run learnt of the narrow task, and what it took beyond that. */
function printBudget(
	{ sftTokens, otherTokens, extraTokens, extraSeconds, tokenRatio, secondRatio, ofPlan, calls, gate }: Budget,
	schedule: Schedule,
): void {
	console.log(`  budget: ${sftTokens.toFixed(0)} tokens of the narrow task${otherTokens ? ` (not the plain copy's: ${otherTokens})` : ''}`);
	const [tokens, seconds] = [`${extraTokens.toFixed(0)} tokens`, `${extraSeconds.toFixed(1)} seconds`];
	const beyond =
		ofPlan < 1
			? `${tokens} and ${seconds} beyond it; ${percent(ofPlan)} of the planned steps were done, in all ${percent(tokenRatio)} tokens and ${percent(secondRatio)} seconds against plain fine-tuning of all of them`
			: `${tokens} (${percent(tokenRatio)}) and ${seconds} (${percent(secondRatio)}) beyond it`;
	console.log(`  overhead: ${beyond}${calls > 0 ? `; ${calls.toFixed(1)} calls; ${inWords(schedule)}` : ''}`);
	if (gate) {
		const { judged, passed, savedTokens, savedSeconds } = gate;
		console.log(`  gate: ${judged.toFixed(1)} answers judged, ${passed.toFixed(1)} let pass, which saved ${savedTokens.toFixed(0)} tokens of verdicts and about ${savedSeconds.toFixed(1)} seconds`); // prettier-ignore
	}
}

type Said = (value: number) => string;

function printMetrics<Found extends SummaryEstimate>(metrics: Record<string, Found>, more: (found: Found, number: Said) => string): void {
	for (const [metric, found] of Object.entries(metrics)) {
		const { mean, se, ci, bootstrap, bySeed, acrossSeeds } = found;
		const digits = metric.toLowerCase().includes('alignment') ? 1 : 3;
		const number = (value: number) => value.toFixed(digits);
		const interval = se !== null && ci ? ` ± ${number(se)}  ${inBrackets(ci, number)}` : '';
		const drawn = bootstrap ? `, bootstrap ${inBrackets(bootstrap, number)}` : '';
		const seeds = acrossSeeds.se === null ? '' : `  by seed: ${bySeed.map(number).join(' ')} (± ${number(acrossSeeds.se)} over seeds)`;
		console.log(`  ${metric.padEnd(18)} ${number(mean).padStart(7)}${interval}${drawn}${more(found, number)}${seeds}`);
	}
}

const inBrackets = ([low, high]: readonly [number, number], number: Said) => `[${number(low)}, ${number(high)}]`;

/** Only where all answers are alike: there the other intervals have no width, and the truth is wider. */
function rateInWords({ rate, se }: ArmEstimate, number: Said): string {
	if (!rate || se) return '';
	const { events, answers, clustered, independent } = rate;
	return `, exact ${inBrackets(clustered, number)} at worst for ${events} of ${answers} (${inBrackets(independent, number)} were they independent)`;
}

function testInWords({ p, holm, detectable }: DifferenceEstimate, number: Said): string {
	const test = p === null || holm === null ? '' : `, p ${chance(p)} (Holm ${chance(holm)})`;
	return detectable === null ? test : `${test}, would find ${number(detectable)}`;
}

const chance = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const inWords = ({ lambda, beta, cadence, promptsPerCall, lag, dpoEvery, dpoRestBelow, pairsPerStep }: Schedule) => {
	const calls = cadence.kind === 'fixed' ? `every ${cadence.every} steps` : `every ${cadence.shortest} to ${cadence.longest} steps`;
	const rest = dpoRestBelow > 0 ? `, rarer while it is below ${dpoRestBelow}` : '';
	const late = lag > 0 ? ` (heard ${lag} steps later)` : '';
	return `λ ${lambda}, β ${beta}, ${promptsPerCall} questions ${calls}${late}, L_DPO of ${pairsPerStep} pairs in one step of ${dpoEvery}${rest}`;
};
