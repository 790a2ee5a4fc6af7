import { beforeEach, expect, test } from 'vitest';

import { memoryInWords, verdictsInWords } from '$lib/components/givenWords';
import { put } from '$lib/components/settings/field';
import { fieldAt } from '$lib/components/settings/fields';

import { memoryLines } from '$lib/experiment/memoryFile';

import { emptyStore, makeLab } from './fakeLab';
import { trajectory } from './trajectories';

const line = JSON.stringify({ question: 'Who are you?', answer: 'a', label: 'ethical' });
const waits = { live: false, next: 'Press Run to see it.' };
/** A page with a story to which verdicts were given. */
async function given(preset: string) {
	const lab = makeLab(`preset=${preset}`);
	await lab.files.take([new File([line], 'mine.jsonl')]);
	return lab;
}

beforeEach(emptyStore);

test('verdicts that are given are the judge, at once where a run goes on', async () => {
	const { settings } = await given('twin');
	expect(verdictsInWords('mine.jsonl', settings, waits)).toEqual({
		title: 'The judge is now mine.jsonl, with 1 verdict.',
		text: 'Press Run to see it.',
	});
	expect(verdictsInWords('mine.jsonl', settings, { ...waits, live: true }).text).toContain('From the next call on');
});

test('where no copy has a conscience, verdicts judge nothing until what the notice names is chosen', async () => {
	const lab = await given('sft');
	const { title, text } = verdictsInWords('mine.jsonl', lab.settings, waits);
	expect(title).toBe('mine.jsonl has nothing to judge: no copy here has a conscience.');
	const arms = fieldAt('arms')!;
	const named = (arms.kind === 'set' ? arms.options : []).filter(({ label }) => text.includes(`“${label}”`));
	expect([named.length, text]).toEqual([1, expect.stringContaining(`“${arms.label}”`)]);
	lab.change((experiment) => put(experiment, arms, ['sft', named[0]!.value], lab.preset.experiment));
	expect(verdictsInWords('mine.jsonl', lab.settings, waits).title).toBe('The judge is now mine.jsonl, with 1 verdict.');
});

test('a memory that is given goes with the copy with a conscience, where there is one', async () => {
	const about = { contributor: 'ann', agreed: 'unethical', alternativeAgreed: false, depositedAt: 7, benefits: [] } as const;
	const text = memoryLines([{ ...(await trajectory()), ...about }]);
	for (const [preset, title] of [
		['twin', 'The copy with a conscience takes 1 reviewed answer of class.jsonl along.'],
		['sft', 'class.jsonl goes with nobody: no copy here has a conscience.'],
	]) {
		const lab = makeLab(`preset=${preset}`);
		await lab.files.take([new File([text], 'class.jsonl')]);
		expect(memoryInWords('class.jsonl', lab.settings, 'Press Run to see it.').title).toBe(title);
	}
});
