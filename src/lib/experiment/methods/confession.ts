import { verdictText } from '$lib/conscience/frameworks';

import type { Method } from './method';

/** Honest confessions (arXiv 2512.08093): the copy is asked for a verdict on its own answers and learns what the judge says of them; the answers themselves are left alone. */
export const confession: Method = {
	does: 'It is asked what it thinks of its own answers, and learns to say what the frozen copy says of them. Nobody corrects the answers.',
	onCard: ({ conscience: { lambda } }) =>
		`honest confessions (after arXiv 2512.08093): L_SFT over the rows and, weighted with λ ${lambda}, over the judge's verdicts on the copy's own answers; the answers were not corrected.`,
	remembers: 'reviews',
	teach: ({ reviews }, tokens) => ({
		answers: reviews.map(({ framework, question, answer, verdict }) => tokens(verdictText(framework, question, answer), verdict.label)),
	}),
	async finding(rows, confess) {
		const own = await confess(rows);
		const agree = rows.filter(({ verdict }, i) => verdict.label === own[i]!.label).length;
		const bad = [...rows.keys()].filter((i) => rows[i]!.verdict.label === 'unethical');
		const confessed = bad.filter((i) => own[i]!.label === 'unethical').length;
		return {
			text: `Of its ${rows.length} last answers it said what the judge says of ${agree}; of the ${bad.length} that the judge calls unethical it confessed ${confessed}.`,
			values: { answers: rows.length, agree, unethical: bad.length, confessed },
		};
	},
};
