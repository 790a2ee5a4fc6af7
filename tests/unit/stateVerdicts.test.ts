import { flushSync } from 'svelte';
import { beforeEach, describe, expect, test } from 'vitest';

import type { Card } from '$lib/state/cards';
import type { Lab } from '$lib/state/lab.svelte';

import { emptyStore, interrupted, makeLab, openAll, place, playing, store, workers } from './fakeLab';
import { settled } from './fakeWorker';

const line = (answer: string, label: string) => JSON.stringify({ question: 'Who are you?', answer, label });
const take = (lab: Lab, ...texts: string[]) => lab.files.take(texts.map((text, i) => new File([text], `mine${i}.jsonl`)));
const followed = async () => {
	flushSync();
	await settled();
};
/** What the copy with a conscience was last told to go on with. */
const told = () => workers[1]!.asked.flatMap((asked) => (asked.kind === 'adjust' ? [asked.params] : [])).at(-1) as { experiment: Lab['experiment']; verdictFile: Lab['files']['verdictFiles'][number] | null } | undefined; // prettier-ignore

beforeEach(emptyStore);

describe('a file of verdicts', () => {
	test('makes the judge when it is given, and the experiment names it', async () => {
		const lab = makeLab();
		await take(lab, line('a', 'ethical'));
		const [file] = lab.files.verdictFiles;
		expect(lab.experiment.conscience).toMatchObject({ judge: 'imported', verdictFile: file!.digest });
		expect([lab.hindrance, lab.settings.verdictFile, lab.files.last?.kind]).toEqual([null, file, 'verdicts']);
		place.back();
		flushSync();
		expect([lab.experiment.conscience.judge, lab.settings.verdictFile]).toEqual([makeLab().experiment.conscience.judge, null]);
	});

	test('that a link names has to be given, and then the runs begin with it', async () => {
		const first = makeLab();
		await take(first, line('a', 'ethical'));
		const { digest } = first.files.verdictFiles[0]!;
		const lab = makeLab(first.query);
		expect(lab.hindrance).toContain(`fingerprint ${digest.slice(0, 8)}`);
		void lab.play();
		await settled();
		expect(workers).toHaveLength(0);
		await take(lab, line('b', 'neutral')); // another: then it is the judge
		expect([lab.hindrance, lab.experiment.conscience.verdictFile === digest]).toEqual([null, false]);
		await take(lab, line('a', 'ethical'));
		void lab.play();
		await openAll();
		expect(workers.map((worker) => worker.last('open').params.verdictFile?.digest)).toEqual([digest, digest]);
		const kept = [...store.headers.values()].map(({ arm, verdictFiles }) => [arm, verdictFiles.map((file) => file.digest)]);
		expect(kept).toEqual([['sft', []], ['emergent-alignment', [digest]]]); // prettier-ignore
	});

	test('that is given with the labels of its run says what the person said', async () => {
		const lab = makeLab();
		const verdict = { label: 'unethical', probabilities: { ethical: 0, neutral: 0, unethical: 1 } };
		await take(lab, JSON.stringify({ verdictId: '0-0', label: 'ethical' }), JSON.stringify({ id: '0-0', question: 'q', answer: 'a', verdict })); // prettier-ignore
		expect(lab.files.verdictFiles).toMatchObject([
			{ fileName: 'mine0.jsonl + mine1.jsonl', verdicts: [{ verdict: { label: 'ethical' } }] },
		]);
	});

	test('may be what the reader said of the cards, where the later of two labels for one answer counts', async () => {
		const lab = makeLab();
		const card = (id: string, answer: string) => ({ id, question: 'q ', answer }) as Card;
		const cards = [card('0-0', 'a'), card('0-1', 'b'), card('4-0', 'a')];
		await lab.files.useLabels(cards, new Map([['0-0', 'ethical'], ['4-0', 'neutral'], ['9-9', 'unethical']])); // prettier-ignore
		expect(lab.settings.verdictFile).toMatchObject({ fileName: 'your labels', verdicts: [{ question: 'q', answer: 'a', verdict: { label: 'neutral' } }] }); // prettier-ignore
		expect(lab.files.last).toMatchObject({ kind: 'verdicts', query: lab.query });
	});

	test('with lines that are none, or that contradict each other, waits for consent; one with nothing else is refused', async () => {
		const lab = makeLab();
		await take(lab, `${line('a', 'ethical')}\n${line('a', 'unethical')}\nnonsense`);
		expect(lab.files.faultyVerdicts?.faults.map(({ line }) => line)).toEqual([2, 3]);
		expect([lab.files.verdictFiles, lab.files.last]).toEqual([[], null]);
		lab.files.useVerdicts(lab.files.faultyVerdicts!);
		expect([lab.files.faultyVerdicts, lab.files.verdictFiles.length, lab.experiment.conscience.judge]).toEqual([null, 1, 'imported']);
		await take(lab, line('a', 'good'));
		expect(lab.files.fault?.text).toMatch(/^mine0\.jsonl can't be used\. It holds no verdict .* Line 1: label: expected/);
	});
});

describe('a run that goes on', () => {
	test('is judged by verdicts that are given in mid-run, keeps them, and by its former judge when the reader goes back', async () => {
		const { lab } = await playing('conscience.judge=frozen-self');
		await take(lab, line('a', 'ethical'));
		await followed();
		const [file] = lab.files.verdictFiles;
		expect(told()).toMatchObject({ experiment: { conscience: { judge: 'imported', verdictFile: file!.digest } }, verdictFile: file });
		expect(lab.changed).toBe(false);
		expect(store.headers.get(lab.runs[1]!.keptAs!)!.verdictFiles).toEqual([file]);
		place.back();
		await followed();
		expect(told()).toMatchObject({ experiment: { conscience: { judge: 'frozen-self' } }, verdictFile: null });
	});

	test('takes others that replace them, and those again when the reader goes back', async () => {
		const { lab } = await playing('conscience.judge=frozen-self');
		await take(lab, line('a', 'ethical'));
		await followed();
		await take(lab, line('a', 'unethical'));
		await followed();
		const [first, second] = lab.files.verdictFiles;
		expect(told()!.verdictFile).toEqual(second);
		place.back();
		await followed();
		expect(told()!.verdictFile).toEqual(first);
		expect(store.headers.get(lab.runs[1]!.keptAs!)!.verdictFiles).toEqual([first, second]);
	});

	test('has its judge until the file is there that the reader has asked for', async () => {
		const { lab } = await playing('conscience.judge=frozen-self');
		lab.change(({ conscience }) => (conscience.judge = 'imported'));
		await followed();
		expect(told()).toBeUndefined();
		expect(lab.hindrance).toContain('Choose the file');
		await take(lab, line('a', 'ethical'));
		await followed();
		expect(told()!.experiment.conscience.judge).toBe('imported');
		expect([lab.hindrance, lab.changed]).toEqual([null, false]);
	});

	test('goes on with its verdicts after a reload', async () => {
		await interrupted('old');
		const first = makeLab();
		await take(first, line('a', 'ethical'));
		const [file] = first.files.verdictFiles;
		Object.assign(store.headers.get('old-emergent-alignment')!, { verdictFiles: [file] });
		store.changed.set('old-emergent-alignment', first.experiment); // it was changed on the way
		const lab = makeLab();
		await lab.keeping.look();
		void lab.resume();
		await settled();
		expect(lab.hindrance).toBeNull();
		expect(workers[1]!.last('open').params).toMatchObject({ resumeFrom: 'old-emergent-alignment', verdictFile: file });
	});
});
