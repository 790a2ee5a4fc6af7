import type { Schedule, Summary, SummaryEstimate } from '$lib/experiment/record';

/** Prints every metric of every arm and of every paired difference, with its interval, on stdout. */
export function printSummary({ note, schedule, arms, differences }: Summary, file: string): void {
	for (const [name, { seeds, metrics, overhead }] of Object.entries(arms)) {
		console.log(`\n${name} (seeds ${seeds.join(', ')})`);
		printMetrics(metrics);
		if (overhead) {
			const { tokenRatio, secondRatio, calls } = overhead;
			console.log(
				`  overhead: ${percent(tokenRatio)} more tokens, ${percent(secondRatio)} more seconds than plain fine-tuning; ${calls.toFixed(1)} calls; ${inWords(schedule)}`,
			);
		}
	}
	for (const { a, b, metrics } of differences) {
		console.log(`\n${a} − ${b} (paired by seed and question)`);
		printMetrics(metrics);
	}
	console.log(`\n${note}\nWritten to ${file}`);
}

function printMetrics(metrics: Record<string, SummaryEstimate>): void {
	for (const [metric, { mean, se, ci, bySeed, acrossSeeds }] of Object.entries(metrics)) {
		const digits = metric.toLowerCase().includes('alignment') ? 1 : 3;
		const number = (value: number) => value.toFixed(digits);
		const interval = se !== null && ci ? ` ± ${number(se)}  [${number(ci[0])}, ${number(ci[1])}]` : '';
		const seeds = acrossSeeds.se === null ? '' : `  by seed: ${bySeed.map(number).join(' ')} (± ${number(acrossSeeds.se)} over seeds)`;
		console.log(`  ${metric.padEnd(18)} ${number(mean).padStart(7)}${interval}${seeds}`);
	}
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const inWords = ({ lambda, beta, cadence, promptsPerCall, lag, dpoEvery, dpoRestBelow, pairsPerStep }: Schedule) => {
	const calls = cadence.kind === 'fixed' ? `every ${cadence.every} steps` : `every ${cadence.shortest} to ${cadence.longest} steps`;
	const rest = dpoRestBelow > 0 ? `, rarer while it is below ${dpoRestBelow}` : '';
	const late = lag > 0 ? ` (heard ${lag} steps later)` : '';
	return `λ ${lambda}, β ${beta}, ${promptsPerCall} questions ${calls}${late}, L_DPO of ${pairsPerStep} pairs in one step of ${dpoEvery}${rest}`;
};
