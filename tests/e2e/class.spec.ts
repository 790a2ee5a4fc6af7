/** A class with its server: one shares, the teacher agrees, another finds it; and what is shared outlives a server that is away. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, type Page, test } from '@playwright/test';
import { encode } from 'uqr';

import { type ClassServer, classPage, classStatus, comeAsTeacher, joinAs, share, startClassServer, stopClassServer } from './classServer';
import { button, expectAccessible, openLab, SMALL } from './lab';
import { serveTinyModel } from './tinyModel';

const SHORT = { ...SMALL, engine: 'wasm', 'optimizer.steps': 8 };

/** A run with a conscience, of a few steps. */
async function runOnce(page: Page): Promise<void> {
	await openLab(page, SHORT);
	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 180_000 });
}

let server: ClassServer;
let folder: string;
test.beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'class-'));
	server = await startClassServer(folder);
});
test.afterEach(() => stopClassServer(server));

test('what one shares, another finds, once a second word has let it out of quarantine', async ({ page, browser }) => {
	test.slow();
	await runOnce(page);
	await classPage(page);
	await expect(page).toHaveTitle('Class · The conscience lab');
	await expectAccessible(page);
	await joinAs(page, server, 'ann');
	await share(page);
	await expect(page.getByRole('region', { name: 'What you have shared' })).toContainText('in quarantine');
	await expectAccessible(page);
	await expectNarrow(page);

	const teacher = await (await browser.newContext()).newPage();
	await comeAsTeacher(teacher, server.address, server.key!);
	await expect(teacher.getByRole('heading', { name: 'The teacher’s desk of Ethics 10b' })).toBeVisible();
	const link = (await teacher.getByRole('link', { name: /#\/class\?server=/ }).getAttribute('href'))!;
	expect(await squares(teacher)).toEqual(encode(link, { border: 4 }).data);
	const first = teacher.getByRole('listitem').filter({ has: teacher.getByRole('group', { name: 'Your word on the answer' }) }).first(); // prettier-ignore
	await first.getByText('Where it comes from, and what the judge said').click();
	const [question, answer] = await first.getByRole('paragraph').allInnerTexts();
	const [, judged] = /Judged \W*(ethical|neutral|unethical)/.exec(await first.innerText())!;
	await expect(first).toContainText('From ann');
	await expectAccessible(teacher);
	await expectNarrow(teacher);
	await first.getByRole('group', { name: 'Your word on the answer' }).getByRole('button', { name: judged!, exact: true }).click();
	await expect(teacher.getByRole('row', { name: /ann/ }).getByRole('cell').nth(1)).toHaveText('1'); // agreed on

	const bob = await (await browser.newContext()).newPage();
	await bob.goto(link);
	await expect(bob.getByLabel('Class code')).toHaveValue(server.code);
	await bob.getByLabel('Your pseudonym').fill('bob');
	await button(bob, 'Join the class').click();
	const look = bob.getByRole('region', { name: 'What does the class know that is like this?' });
	await look.getByLabel('Question').fill(question!);
	await look.getByLabel('Answer').fill(answer!);
	await look.getByRole('button', { name: 'Look it up' }).click();
	await expect(look.getByRole('status')).toContainText('The memory knows one answer like it', { timeout: 60_000 });
	await expect(look.getByRole('listitem')).toContainText(answer!);
	await expect(look.getByRole('listitem')).toContainText('from ann');
	await expect(look.getByRole('listitem')).toContainText('cosine 1.000');
	await expectAccessible(bob);
	await expectNarrow(bob);

	await teacher.getByRole('button', { name: 'Take ann out…' }).click();
	await button(teacher, 'Take out for good').click();
	await expect(teacher.getByRole('row', { name: /ann/ })).toBeHidden();
	await look.getByRole('button', { name: 'Look it up' }).click();
	await expect(look.getByRole('status')).toContainText('nothing yet');
	await button(page, 'Look again').click();
	await expect(page.getByRole('alert')).toContainText('This class does not know you (any more)');
	await teacher.context().close();
	await bob.context().close();
});

/** The page has room on a phone. */
async function expectNarrow(page: Page): Promise<void> {
	await page.setViewportSize({ width: 400, height: 860 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
	await page.setViewportSize({ width: 1280, height: 720 });
}

/** The dark squares of the QR code, row by row, as they are drawn. */
const squares = (page: Page) =>
	page.getByRole('img', { name: 'QR code of the link' }).evaluate((svg) => {
		const size = (svg as SVGSVGElement).viewBox.baseVal.width;
		const dark = new Set((svg.querySelector('path')!.getAttribute('d') ?? '').match(/\d+ \d+(?=h1v1h-1z)/g));
		return Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => dark.has(`${x} ${y}`)));
	});

test('what is shared while the server is away waits, also over a reload, and is sent once when it is back', async ({ page }) => {
	test.slow();
	await serveTinyModel(page);
	await runOnce(page);
	await classPage(page);
	await joinAs(page, server, 'ann');
	await stopClassServer(server);
	await page.getByRole('button', { name: /^Share / }).click();
	const away = classStatus(page, 'The class server does not answer');
	await expect(away).toContainText(/\d+ answers? waits?/, { timeout: 120_000 });
	const waiting = Number(/(\d+) answers? waits?/.exec(await away.innerText())![1]);
	await page.reload();
	await expect(away).toContainText(`${waiting} answer`);
	await expectAccessible(page);
	await button(page, 'Leave the class…').click();
	await button(page, 'Leave, and delete what I shared').click();
	await expect(page.getByRole('alert')).toContainText('You are still in the class');

	server = await startClassServer(folder, { port: new URL(server.address).port });
	await button(page, 'Send now').click();
	await expect(classStatus(page)).toContainText(`Since the page was opened: ${waiting} answer`);
	const standing = page.getByRole('region', { name: 'You are in a class' });
	await expect(standing).toContainText(`1 member, ${waiting} answer`);
	await page.getByRole('button', { name: /^Share / }).click();
	await expect(classStatus(page)).toContainText(`${waiting} were there from you already`, { timeout: 120_000 });
	await expect(standing).toContainText(`1 member, ${waiting} answer`);

	const mine = page.getByRole('region', { name: 'What you have shared' });
	await mine.getByRole('button', { name: /^Delete the answer to/ }).first().click(); // prettier-ignore
	await expect(standing).toContainText(`1 member, ${waiting - 1} answer`);
	await button(page, 'Leave the class…').click();
	await button(page, 'Leave, and delete what I shared').click();
	await expect(page.getByRole('heading', { name: 'Join a class' })).toBeVisible();
});

test('a memory goes from one class to another by a file; the keys and tokens of one open nothing of the other', async ({
	page,
	browser,
}) => {
	test.slow();
	await serveTinyModel(page);
	const other = await startClassServer(await mkdtemp(join(tmpdir(), 'class-')));
	try {
		await runOnce(page);
		await classPage(page);
		await joinAs(page, server, 'ann');
		const shared = await share(page);

		const teacher = await (await browser.newContext()).newPage();
		await comeAsTeacher(teacher, other.address, server.key!);
		await expect(teacher.getByRole('alert')).toContainText('The desk stays closed.');
		await comeAsTeacher(teacher, server.address, server.key!);
		const download = teacher.waitForEvent('download');
		await button(teacher, 'Export').click();
		const path = await (await download).path();
		expect((await readFile(path, 'utf8')).match(/"kind":"trajectory"/g)).toHaveLength(shared);
		expect(await readFile(path, 'utf8')).not.toContain(server.key);
		await button(teacher, 'Delete the class…').click();
		await button(teacher, 'Delete the class and its memory for good').click();
		await expect(teacher.getByRole('heading', { name: 'Join a class' })).toBeVisible();
		await button(page, 'Look again').click();
		await expect(page.getByRole('alert')).toContainText('This class does not know you (any more)');

		await comeAsTeacher(teacher, other.address, other.key!);
		await expect(teacher.getByRole('heading', { name: 'The teacher’s desk of Ethics 10b' })).toBeVisible();
		await teacher.getByLabel('Import').setInputFiles(path);
		await expect(teacher.getByRole('status').first()).toContainText(/\d+ lines of .* were taken in\./);
		await expect(teacher.getByRole('status').first()).toContainText(`1 member, ${shared} answer`);
		await teacher.context().close();
	} finally {
		await stopClassServer(other);
	}
});

test('a memory of one’s own lies in the browser, is found again after a reload, and goes out and in as a file', async ({ page }) => {
	test.slow();
	await serveTinyModel(page);
	const files = /pglite.*\.(wasm|data)/;
	const fetched: string[] = [];
	page.on('request', (request) => fetched.push(request.url()));
	const postgres = () => fetched.filter((url) => files.test(url)).length;
	await runOnce(page);
	await classPage(page);
	const own = page.getByRole('region', { name: 'A memory of your own' });
	await expect(own).toBeVisible();
	expect(postgres()).toBe(0);
	await page.context().route(files, (route) => route.abort());
	await own.getByRole('button', { name: 'Open my memory' }).click();
	await expect(own.getByRole('alert')).toContainText('PostgreSQL could not be started in this browser', { timeout: 60_000 });
	await page.context().unroute(files);
	await own.getByRole('button', { name: 'Open my memory' }).click();
	await expect(own.getByRole('status').first()).toContainText('It holds 0 answers', { timeout: 120_000 });
	await own.getByRole('button', { name: /^Keep / }).click();
	await expect(own).toContainText(/\d+ answers were added/, { timeout: 120_000 });
	await expect(own.getByRole('status').first()).toContainText(/It holds [1-9]/);
	const held = await own.getByRole('status').first().innerText();
	await page.reload();
	await own.getByRole('button', { name: 'Open my memory' }).click();
	await expect(own.getByRole('status').first()).toHaveText(held, { timeout: 120_000 });
	await expectAccessible(page);

	const download = page.waitForEvent('download');
	await own.getByRole('button', { name: 'Export my memory' }).click();
	const path = await (await download).path();
	const [line] = (await readFile(path, 'utf8')).split('\n');
	const { question, answer } = JSON.parse(line!) as { question: string; answer: string };
	await own.getByRole('button', { name: 'Delete my memory…' }).click();
	await own.getByRole('button', { name: 'Delete it all for good' }).click();
	await expect(own.getByRole('status').first()).toContainText('It holds 0 answers');
	await own.getByLabel('Import').setInputFiles(path);
	await expect(own.getByRole('status').first()).toHaveText(held);
	await own.getByLabel('Question').fill(question);
	await own.getByLabel('Answer').fill(answer);
	await own.getByRole('button', { name: 'Look it up' }).click();
	await expect(own.getByRole('listitem').filter({ hasText: 'cosine 1.000' })).not.toHaveCount(0, { timeout: 60_000 });
});

test('who has no mouse joins, is told why not, and leaves', async ({ page }) => {
	await page.goto('./#/class');
	const press = async (key: string, times = 1) => {
		for (let i = 0; i < times; i++) await page.keyboard.press(key);
	};
	await page.getByLabel(/a student, with/).focus();
	await press('ArrowDown');
	await expect(page.getByLabel('Teacher’s key', { exact: true })).toBeVisible();
	await press('ArrowUp');
	await press('Tab');
	await page.keyboard.type(server.address);
	await press('Tab');
	await page.keyboard.type('AAAA-AAAA');
	await press('Enter');
	await expect(page.getByRole('alert')).toContainText('There is no class with this code.');
	await expectAccessible(page);
	await page.getByLabel('Class code').focus();
	await press('Control+a');
	await page.keyboard.type(server.code.toLowerCase());
	await press('Tab', 3);
	await expect(button(page, 'Join the class')).toBeFocused();
	await press('Enter');
	await expect(page.getByRole('heading', { name: 'You are in a class' })).toBeVisible();
	await expect(classStatus(page)).toBeVisible();
	await button(page, 'Look again').focus();
	await press('Tab');
	await press('Enter');
	await expect(button(page, 'Leave, what I shared stays')).toBeFocused();
	await press('Tab', 2);
	await press('Enter');
	await expect(button(page, 'Leave the class…')).toBeFocused();
	await press('Enter');
	await press('Enter');
	await expect(page.getByRole('heading', { name: 'Join a class' })).toBeVisible();
	await expectNarrow(page);
});
