/** Two browsers in one class: what one has reviewed, the other's judge need not read again. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, type Page, test } from '@playwright/test';

import { type ClassServer, classPage, comeAsTeacher, joinAs, share, startClassServer, stopClassServer } from './classServer';
import { button, expectAccessible, openLab, SMALL } from './lab';

const SHORT = { ...SMALL, engine: 'wasm', 'optimizer.steps': 8, 'conscience.cadence': '{"kind":"fixed","every":2}' };

let server: ClassServer;
let folder: string;
test.beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'class-'));
	server = await startClassServer(folder);
});
test.afterEach(() => stopClassServer(server));

async function run(page: Page): Promise<void> {
	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 180_000 });
}

test('one deposits, two agree, and another trains with fewer calls of the judge', async ({ page, browser }) => {
	test.slow();
	const { address, key } = server as ClassServer & { key: string };
	await openLab(page, SHORT);
	await run(page);
	await classPage(page);
	await joinAs(page, server, 'ann');
	const shared = await share(page);

	// A second one's judge says the same of the same answers: they are out of quarantine.
	const bob = await (await browser.newContext()).newPage();
	await openLab(bob, SHORT);
	await run(bob);
	await classPage(bob);
	await joinAs(bob, server, 'bob');
	await share(bob);

	const take = bob.getByRole('region', { name: 'Take it into a run' });
	await take.getByRole('button', { name: 'Fetch what the class agrees on' }).click();
	await expect(take.getByRole('status')).toContainText(`${shared} answers of 1 member came`, { timeout: 60_000 });
	await expectAccessible(bob);
	const digest = /([0-9a-f]{12})…/.exec(await take.getByRole('status').innerText())![1]!;
	await take.getByRole('button', { name: 'Take it into the next run' }).click();
	await expect(bob).toHaveURL(new RegExp(`conscience\\.memory\\.file=%22${digest}`));
	await expect(bob.getByRole('status').filter({ hasText: 'of memory of Ethics 10b.jsonl along' })).toContainText(
		`${shared} reviewed answers`,
	);
	await stopClassServer(server); // the run asks nobody
	await run(bob);
	const cost = bob.locator('dl > div').filter({ hasText: 'Cost beyond the plain fine-tune' });
	await expect(cost).toContainText('the class’s memory knew');
	const [, known, all] = /the class’s memory knew (\d+) of (\d+) answers/.exec(await cost.innerText())!;
	expect(Number(known)).toBeGreaterThan(0);
	expect(Number(all) - Number(known)).toBeLessThan(shared); // without it each of these was judged, and those that came twice, twice
	server = await startClassServer(folder, { port: new URL(address).port });
	await bob.context().close();

	// Whoever is in no class gets it as a file.
	const teacher = await (await browser.newContext()).newPage();
	await comeAsTeacher(teacher, address, key);
	const file = teacher.getByRole('region', { name: 'The memory as a file' });
	await file.getByRole('button', { name: 'Fetch what the class agrees on' }).click();
	await expect(file.getByRole('status')).toContainText(`${digest}…`, { timeout: 60_000 });
	const download = teacher.waitForEvent('download');
	await file.getByRole('button', { name: 'Save it as a file' }).click();
	const saved = await readFile(await (await download).path());
	expect(createHash('sha256').update(saved).digest('hex').slice(0, 12)).toBe(digest);
	await teacher.context().close();
});
