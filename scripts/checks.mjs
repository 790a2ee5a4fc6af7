// A list of checks, run one after the other, some of them side by side: each is counted, a failed one does not stop the next, and the counts are kept for .ci/run.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { node, ROOT, run, TIMED_OUT } from './process.mjs';

const FOLDER = join(ROOT, 'build', 'checks');

/**
 * @typedef {{ passed: number, failed: number, faults?: string[] }} Count `faults` names the tests that failed.
 * @typedef {{ name: string, run: (log: string) => Promise<Count> }} Check `log` is the file that keeps what the check prints.
 * @typedef {Count & { name: string, seconds: number, log: string }} Result
 */

/**
 * A check that is one command: it counts as one.
 * @param {string} name
 * @param {string[]} commandLine
 * @returns {Check}
 */
export const command = (name, commandLine) => ({
	name,
	run: async (log) => ((await run(commandLine, { log })) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }),
});

/**
 * A check that is one vitest project: it counts as many as it has tests.
 * @param {string} project
 * @param {number} [minutes]
 * @returns {Check}
 */
export const vitest = (project, minutes) => ({
	name: `vitest ${project}`,
	run: (log) => {
		const report = join(FOLDER, `vitest-${project}.json`);
		const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
		return counted(run(node('vitest/vitest.mjs', ...args), { log, ...(minutes && { minutes }) }), report, countVitest);
	},
});

/**
 * A check that is one project of the Playwright suite, on the built app.
 * @param {string} project
 * @returns {Check}
 */
export const playwright = (project) => ({
	name: `playwright ${project}`,
	run: (log) => {
		const report = join(FOLDER, `playwright-${project}.json`);
		const command = node('@playwright/test/cli.js', 'test', '--project', project, '--reporter=list,json');
		return counted(run(command, { log, minutes: 30, env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report } }), report, countPlaywright);
	},
});

/**
 * What a runner's report counts. A runner that fails without a failed test (it crashed, ran late, or found no test) counts as one failure.
 * @param {Promise<number>} running
 * @param {string} report
 * @param {(report: any) => Count} count
 * @returns {Promise<Count>}
 */
async function counted(running, report, count) {
	rmSync(report, { force: true });
	const code = await running;
	const result = { passed: 0, failed: 0 };
	try {
		Object.assign(result, count(JSON.parse(readFileSync(report, 'utf8'))));
	} catch {
		console.error(`The runner left no report (exit code ${code}${code === TIMED_OUT ? ', out of time' : ''}).`);
	}
	const empty = result.passed + result.failed === 0;
	return (code !== 0 || empty) && result.failed === 0 ? { ...result, failed: 1 } : result;
}

/**
 * Tests that did not run count as failed: a skipped WebGPU test says nothing about WebGPU.
 * @param {{ testResults: { name: string, status: string, assertionResults: { status: string, fullName: string }[] }[] }} report
 * @returns {Count}
 */
function countVitest({ testResults }) {
	/** @type {Required<Count>} */
	const total = { passed: 0, failed: 0, faults: [] };
	for (const { name, status: fileStatus, assertionResults } of testResults) {
		const faults = assertionResults.filter(({ status }) => status !== 'passed').map(({ fullName }) => fullName);
		// A file that cannot be imported fails without a test to show for it.
		if (faults.length === 0 && fileStatus === 'failed') faults.push('(the file itself)');
		total.passed += assertionResults.filter(({ status }) => status === 'passed').length;
		total.failed += faults.length;
		total.faults.push(...faults.map((fault) => `${relative(ROOT, name)}: ${fault}`));
	}
	return total;
}

/**
 * @param {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number } }} report
 * @returns {Count}
 */
const countPlaywright = ({ stats }) => ({ passed: stats.expected, failed: stats.unexpected + stats.flaky + stats.skipped });

/** @param {{ passed: number, failed: number }[]} counts */
export const sum = (counts) =>
	counts.reduce((total, { passed, failed }) => ({ passed: total.passed + passed, failed: total.failed + failed }), {
		passed: 0,
		failed: 0,
	});

/** @param {Result[]} results */
export function printResults(results) {
	for (const { name, passed, failed, seconds, log, faults } of results) {
		const where = failed ? `   its output: ${relative(ROOT, log)}` : '';
		console.log(
			`${failed ? '✗' : '✓'} ${name.padEnd(20)} ${String(passed).padStart(4)} passed ${String(failed).padStart(4)} failed ${String(seconds).padStart(5)} s${where}`,
		);
		for (const fault of faults ?? []) console.log(`    ${fault}`);
	}
	const { passed, failed } = sum(results);
	console.log(`\n${passed} passed, ${failed} failed`);
}

/**
 * @param {Check} check
 * @returns {Promise<Result>}
 */
async function runCheck({ name, run }) {
	const log = join(FOLDER, `${name.replaceAll(' ', '-')}.log`);
	const start = Date.now();
	const count = await run(log).catch((/** @type {Error} */ error) => {
		console.error(error.message);
		writeFileSync(log, `${error.message}\n`);
		return { passed: 0, failed: 1 };
	});
	return { name, ...count, seconds: Math.round((Date.now() - start) / 1000), log };
}

/**
 * Runs the checks, keeps their results in build/checks/<name>.json, prints what failed once more and sets the exit code.
 * @param {string} name
 * @param {(Check | Check[])[]} checks Those in a list of their own run side by side: they must not be timed, nor write the same files.
 */
export async function runChecks(name, checks) {
	mkdirSync(FOLDER, { recursive: true });
	/** @type {Result[]} */
	const results = [];
	for (const group of checks.map((check) => [check].flat())) {
		const title = group.map((check) => check.name).join(' and ');
		console.log(`\n── ${title} ${'─'.repeat(Math.max(0, 76 - title.length))}`);
		results.push(...(await Promise.all(group.map(runCheck))));
	}
	writeFileSync(join(FOLDER, `${name}.json`), JSON.stringify(results, null, '\t'));
	for (const { name: failed, log } of results.filter((result) => result.failed)) {
		const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-60).join('\n');
		console.log(`\n── ${failed} failed; the end of its output: ${'─'.repeat(20)}\n${tail}`);
	}
	console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 76 - name.length))}`);
	printResults(results);
	process.exitCode = sum(results).failed ? 1 : 0;
}
