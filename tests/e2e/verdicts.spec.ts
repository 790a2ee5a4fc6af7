import { expect, test } from '@playwright/test';

import { button, dropFile, openLab, SMALL, stepOf } from './lab';

test('verdicts that are dropped in mid-run judge where they know the answer, each card says who it was, and the run records it', async ({
	page,
}) => {
	await openLab(page, { ...SMALL, preset: 'emergent-alignment', engine: 'wasm', 'conscience.judge': 'frozen-self', 'conscience.cadence': '{"kind":"fixed","every":1}' }); // prettier-ignore
	const stepTo = async (step: number) => {
		await button(page, 'One step').click();
		await expect.poll(() => stepOf(page, 'With conscience')).toBe(step);
		await expect(button(page, 'One step')).toBeEnabled();
	};
	const cards = page.getByTestId('verdict').filter({ hasText: 'before step 2' });
	for (const step of [1, 2]) await stepTo(step);
	const said = await cards.evaluateAll((all) =>
		all.map((card) => ({ question: card.querySelector('.question')!.textContent, answer: card.querySelector('blockquote')!.textContent })),
	);
	expect(said).toHaveLength(2);

	await button(page, 'Reset').click(); // the same seed asks the same again
	await expect.poll(() => stepOf(page, 'With conscience')).toBe(0);
	await stepTo(1);
	await dropFile(page, 'teacher.jsonl', JSON.stringify({ ...said[0], label: 'neutral' }));
	await expect(page.getByRole('status').filter({ hasText: 'The judge is now teacher.jsonl, with 1 verdict.' })).toContainText(
		'From the next call on',
	);
	await expect(page.getByText('teacher.jsonl: 1 verdict', { exact: true })).toBeVisible();
	await stepTo(2);
	await expect(cards.filter({ hasText: said[0]!.answer }).getByText('From your file.').first()).toBeVisible();
	await expect(cards.getByText('Not in your file: the frozen copy judged.').first()).toBeVisible();
	await expect(page.getByText(/judge a frozen copy in the trainer → a file of your own verdicts/).first()).toBeAttached();
});
