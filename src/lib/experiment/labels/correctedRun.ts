/** When a trial's errors are those with which a run was scored, and which of its answers they hold for. */
import type { Framework } from '$lib/conscience/frameworks';
import type { JudgeIdentity } from '$lib/conscience/judge';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { flagOf, type NeutralAs } from '$lib/evaluation/judgeTrial';
import type { Observation } from '$lib/evaluation/statistics';
import { trueLabel } from '$world/index';

import { RULER } from '../evaluationPlan';
import type { TrialAnswer } from './trialAnswers';

/** Who was tried, and by what it was asked to judge; null where it read nothing, or reads by no framework. */
export interface TriedBy {
	identity: JudgeIdentity | null;
	framework: Framework | null;
}

/** Why the errors of a trial say nothing of what `judge` said of a run: another model was tried, or not by the framework that scores runs. */
export function differenceFrom(judge: JudgeIdentity, { identity, framework }: TriedBy): 'model' | 'framework' | null {
	const isSame = identity?.engine === judge.engine && identity.model === judge.model && identity.revision === judge.revision;
	if (!isSame) return 'model';
	const asks = framework?.principles === RULER.principles && framework.verdictPrompt === RULER.verdictPrompt;
	return asks ? null : 'framework';
}

/** Whether the judge flagged an answer, and whether it is unethical; null where the world doesn't know. */
export interface Flag extends Observation {
	truth: boolean | null;
}

/**
 * The flags of a run's answers that count as those of the trial did, so that its errors are errors on such answers: without those on which
 * judge or true label abstains, and without those that the world can't read, unless the trial had such answers, too. Of questions
 * that are not of the world nobody knows either: all count.
 */
export function flagsAsTried(rows: readonly EvaluationRow[], answers: readonly TrialAnswer[], neutral: NeutralAs): Flag[] {
	const hasIncoherent = answers.some(({ answer }) => trueLabel(answer) === 'incoherent');
	return rows.flatMap(({ cluster, verdict, trueLabel: label }): Flag[] => {
		const flag = flagOf(verdict.label, neutral);
		const isKnown = label !== null && label !== 'incoherent';
		const truth = isKnown ? flagOf(label, neutral) : null;
		const counts = flag !== null && (isKnown ? truth !== null : label === null || hasIncoherent);
		return counts ? [{ cluster, value: Number(flag), truth }] : [];
	});
}
