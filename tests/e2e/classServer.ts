/** Class servers of their own for the tests, and what people do with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, type Page } from '@playwright/test';

import { button } from './lab';

export interface ClassServer {
	process: ChildProcess;
	address: string;
	code: string;
	/** The teacher's key, which is told when the class is made. */
	key: string | null;
}

export async function startClassServer(folder: string, { port = '0', quorum = '2' } = {}): Promise<ClassServer> {
	const args = ['--import', 'tsx', 'server/main.ts', '--host', '127.0.0.1', '--port', port, '--folder', folder, '--name', 'Ethics 10b', '--quorum', quorum]; // prettier-ignore
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

export async function stopClassServer({ process }: ClassServer): Promise<void> {
	if (process.exitCode !== null) return;
	const exit = once(process, 'exit');
	process.kill('SIGTERM');
	await exit;
}

export const classPage = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Class' }).click();

export async function joinAs(page: Page, { address, code }: ClassServer, pseudonym: string): Promise<void> {
	await page.getByLabel('Class server').fill(address);
	await page.getByLabel('Class code').fill(code);
	await page.getByLabel('Your pseudonym').fill(pseudonym);
	await button(page, 'Join the class').click();
	await expect(page.getByRole('heading', { name: 'You are in a class' })).toBeVisible();
}

/** Comes with a key, which need not be the right one. */
export async function comeAsTeacher(page: Page, address: string, key: string): Promise<void> {
	await page.goto('./#/class');
	await page.getByLabel(/the teacher, with/).check();
	await page.getByLabel('Class server').fill(address);
	await page.getByLabel('Teacher’s key', { exact: true }).fill(key);
	await button(page, 'Open the desk').click();
}

export const classStatus = (page: Page, text = 'The class server answers') => page.getByRole('status').filter({ hasText: text });

/** Shares the one run that there is, and resolves to how many answers of it came. */
export async function share(page: Page): Promise<number> {
	await page.getByRole('button', { name: /^Share / }).click();
	await expect(classStatus(page)).toContainText(/[\d,]+ answers? shared/, { timeout: 120_000 });
	return Number(/Since the page was opened: ([\d,]+) answers? shared/.exec(await classStatus(page).innerText())![1]!.replace(',', ''));
}
