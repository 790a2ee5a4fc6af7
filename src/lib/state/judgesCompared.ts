import { Agreement } from './agreement.svelte';
import { lab } from './index';
import { hindranceOf } from './runSettings';

/** How far the judge in WebLLM and the one in the trainer agree on this page; it comes with the part that shows it. */
export const agreement = new Agreement(lab.judging);

/** Lets WebLLM and the frozen copy in the trainer judge the same answers. */
export async function compareJudges(count: number): Promise<void> {
	const [run] = lab.runs;
	if (run && !hindranceOf(lab.running)) await agreement.compare(count, run, lab.running);
}
