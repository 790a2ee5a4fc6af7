import type { Exchange } from '$lib/conscience/judge';
import type { Evaluation, TrueLabel } from '$lib/evaluation/evaluation';
import type { LabelledRow } from '$lib/experiment/labels/sources';
import { knownRows } from '$lib/experiment/labels/trialAnswers';
import type { KeptRun } from '$lib/storage/database';
import { deleteBlindLabels, readBlindLabels, writeBlindLabel } from '$lib/storage/blindLabels';
import { listRuns, readEventsFrom } from '$lib/storage/runs';

import { BlindLabels } from './blindLabels.svelte';
import { lab } from './index';
import { JudgeTrials } from './judgeTrials.svelte';
import { LabelFiles } from './labelFiles.svelte';

/** What is labelled, and who is tried by it: one of each on this page. */
export const blindLabels = new BlindLabels({ read: readBlindLabels, write: writeBlindLabel, deleteOf: deleteBlindLabels });
export const labelFiles = new LabelFiles();
export const judgeTrials = new JudgeTrials(lab);

/** The kept runs that have answers, the newest first; none where the store can't be read. */
export const runsWithAnswers = (): Promise<KeptRun[]> => listRuns().then((runs) => runs.filter(({ sizes }) => sizes.events > 0), () => []); // prettier-ignore

/** What a kept run answered to the questions of its last evaluation and to its conscience. @throws StorageError */
export async function answersOfRun(id: string): Promise<(Exchange & { trueLabel: TrueLabel | null })[]> {
	const { events } = await readEventsFrom(id, 0);
	const heard = events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
	return [...(lastEvaluation(events)?.rows ?? []), ...heard].map(({ question, answer, trueLabel }) => ({ question, answer, trueLabel }));
}

/** The same, as far as the world can read it, with its true labels. @throws StorageError */
export const rowsOfRun = async (id: string): Promise<LabelledRow[]> => knownRows(await answersOfRun(id));

/** A kept run's last evaluation; null where it has none. @throws StorageError */
export const evaluationOfRun = async (id: string): Promise<Evaluation | null> => lastEvaluation((await readEventsFrom(id, 0)).events);

const lastEvaluation = (events: Awaited<ReturnType<typeof readEventsFrom>>['events']): Evaluation | null =>
	events.findLast((event) => event.kind === 'evaluation')?.evaluation ?? null;
