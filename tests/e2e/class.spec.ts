/** A class with its server: one shares, the teacher agrees, another finds it; and what is shared outlives a server that is away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL } from './lab';

interface Server {
	process: ChildProcess;
	address: string;
	code: string;
	key: string | null;
}

async function startServer(folder: string, port = '0'): Promise<Server> {
	const args = ['--import', 'tsx', 'server/main.ts', '--host', '127.0.0.1', '--port', port, '--folder', folder, '--name', 'Ethics 10b'];
	const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DATABASE_URL: '' } });
	let output = '';
	await new Promise<void>((resolve, reject) => {
		started.on('exit', (code) => reject(new Error(`the class server ended with ${code}: ${output}`)));
		started.stdout.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			if (output.includes('ready')) resolve();
		});
	});
	const found = (pattern: RegExp) => pattern.exec(output)?.[1] ?? null;
	return { process: started, address: found(/Address: (\S+)/)!, code: found(/Class: {3}(\S+)/)!, key: found(/^ {4}([0-9a-f]{64})$/m) };
}

async function stop({ process }: Server): Promise<void> {
	const exit = once(process, 'exit');
	process.kill('SIGTERM');
	await exit;
}

const SHORT = { ...SMALL, engine: 'wasm', 'optimizer.steps': 8 };

/** A run with a conscience, of a few steps. */
async function runOnce(page: Page): Promise<void> {
	await openLab(page, SHORT);
	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 180_000 });
}

const classPage = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Class' }).click();

async function joinAs(page: Page, { address, code }: Server, pseudonym: string): Promise<void> {
	await page.getByLabel('Class server').fill(address);
	await page.getByLabel('Class code').fill(code);
	await page.getByLabel('Your pseudonym').fill(pseudonym);
	await button(page, 'Join the class').click();
	await expect(page.getByRole('heading', { name: 'You are in a class' })).toBeVisible();
}

let server: Server;
let folder: string;
test.beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'class-'));
	server = await startServer(folder);
});
test.afterEach(() => stop(server));

test('what one shares, another finds, once a second word has let it out of quarantine', async ({ page, browser }) => {
	test.slow();
	await runOnce(page);
	await classPage(page);
	await expectAccessible(page);
	await joinAs(page, server, 'ann');
	const status = page.getByRole('status').filter({ hasText: 'The class server answers' });
	await page.getByRole('button', { name: /^Share/ }).click();
	await expect(status).toContainText(/\d+ answers? shared/, { timeout: 120_000 });
	await expect(page.getByRole('region', { name: 'What you have shared' })).toContainText('in quarantine');
	await expectAccessible(page);

	const teacher = await (await browser.newContext()).newPage();
	await teacher.goto('./#/class');
	await teacher.getByLabel(/the teacher, with/).check();
	await teacher.getByLabel('Class server').fill(server.address);
	await teacher.getByLabel('Teacher’s key').fill(server.key!);
	await button(teacher, 'Open the desk').click();
	await expect(teacher.getByRole('heading', { name: 'The teacher’s desk of Ethics 10b' })).toBeVisible();
	await expect(teacher.getByRole('img', { name: 'QR code of the link' })).toBeVisible();
	const first = teacher.getByRole('listitem').filter({ has: teacher.getByRole('group', { name: 'Your word on the answer' }) }).first(); // prettier-ignore
	await first.getByText('Where it comes from, and what the judge said').click();
	const [question, answer] = await first.getByRole('paragraph').allInnerTexts();
	const [, judged] = /Judged \W*(ethical|neutral|unethical)/.exec(await first.innerText())!;
	await expect(first).toContainText('From ann');
	await expectAccessible(teacher);
	const link = await teacher.getByRole('link', { name: /#\/class\?server=/ }).getAttribute('href');
	await first.getByRole('group', { name: 'Your word on the answer' }).getByRole('button', { name: judged!, exact: true }).click();
	await expect(teacher.getByRole('row', { name: /ann/ }).getByRole('cell').nth(1)).toHaveText('1'); // agreed on

	const bob = await (await browser.newContext()).newPage();
	await bob.goto(link!);
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

	await teacher.getByRole('button', { name: 'Take ann out…' }).click();
	await button(teacher, 'Take out for good').click();
	await expect(teacher.getByRole('row', { name: /ann/ })).toBeHidden();
	await look.getByRole('button', { name: 'Look it up' }).click();
	await expect(look.getByRole('status')).toContainText('nothing yet');
	await teacher.context().close();
	await bob.context().close();
});

test('what is shared while the server is away waits, also over a reload, and is sent when it is back', async ({ page }) => {
	test.slow();
	await runOnce(page);
	await classPage(page);
	await joinAs(page, server, 'ann');
	await stop(server);
	await page.getByRole('button', { name: /^Share/ }).click();
	const status = page.getByRole('status').filter({ hasText: 'The class server does not answer' });
	await expect(status).toContainText(/\d+ answers? waits?/, { timeout: 120_000 });
	await page.reload();
	await expect(status).toContainText(/\d+ answers? waits?/);
	server = await startServer(folder, new URL(server.address).port);
	await button(page, 'Send now').click();
	await expect(page.getByRole('status').filter({ hasText: 'The class server answers' })).toContainText(/\d+ answers? shared/);
	await page.getByRole('button', { name: 'Leave the class…' }).click();
	await button(page, 'Leave, and delete what I shared').click();
	await expect(page.getByRole('heading', { name: 'Join a class' })).toBeVisible();
});

test('a memory of one’s own lies in the browser, is found again after a reload, and goes out and in as a file', async ({ page }) => {
	test.slow();
	await runOnce(page);
	await classPage(page);
	const own = page.getByRole('region', { name: 'A memory of your own' });
	await own.getByRole('button', { name: 'Open my memory' }).click();
	await expect(own.getByRole('status').first()).toContainText('It holds 0 answers', { timeout: 120_000 });
	await own.getByRole('button', { name: /^Keep/ }).click();
	await expect(own).toContainText(/\d+ answers were added/, { timeout: 120_000 });
	const held = await own.getByRole('status').first().innerText();
	expect(held).not.toBe('It holds 0 answers.');
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
	await expect(own.getByRole('listitem').filter({ hasText: 'cosine 1.000' })).toContainText(answer, { timeout: 60_000 });
});
