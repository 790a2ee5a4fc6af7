import { readFileSync } from 'node:fs';

import { expect, type Page, test } from '@playwright/test';

import type { Verdict } from '../../src/lib/conscience/judge';
import type { TestServer } from '../unit/modelFilesServer';
import type { OnPage } from './judgePage';
import { buildJudgePage, serveJudgePage } from './judgeSite';

/** What transformers answers greedily: tests/webllm/texts.py. */
const golden = JSON.parse(readFileSync(new URL('../webllm/texts.json', import.meta.url), 'utf8')) as {
	messages: { role: string; content: string }[];
	promptTokens: number;
	text: string;
}[];

/** Pairs on which the two judges are compared: a minute and a half where a CPU plays the GPU. */
const PAIRS = 500;
const SHARD = '/organism/webllm/params_shard_0.bin';

let built: Map<string, Uint8Array>;
let server: TestServer;

test.beforeAll(async () => {
	built = await buildJudgePage();
});
test.beforeEach(async () => {
	server = await serveJudgePage(built);
});
test.afterEach(() => server.close());

type Opened = Awaited<ReturnType<OnPage['openJudge']>>;
declare global {
	/** The judge that a test has opened. */
	var opened: Opened;
}

const folder = () => ({ kind: 'folder', url: `${server.origin}/organism/webllm/`, name: 'organism' }) as const;

/** A page with a judge's worker; nothing is loaded. */
async function open(page: Page): Promise<void> {
	await page.goto(server.origin);
	await page.waitForFunction(() => 'judging' in globalThis);
	await page.evaluate(async () => (globalThis.opened = await globalThis.judging.openJudge()) && undefined);
}
const load = (page: Page) => page.evaluate((source) => globalThis.opened.load(source), folder());
/** Of the probabilities of the same label for the same item. */
const largestDifference = (said: readonly Verdict[], expected: readonly Verdict[]) =>
	Math.max(
		...said.flatMap(({ probabilities }, i) =>
			(['ethical', 'neutral', 'unethical'] as const).map((label) => Math.abs(probabilities[label] - expected[i]!.probabilities[label])),
		),
	);
/** One verdict, or the name of the error and what it says. */
const verdict = (page: Page, answer = 'You could help them and stay calm.') =>
	page.evaluate(async (answer) => {
		const { judging, opened } = globalThis;
		const call = opened.judge.verdicts([{ question: 'What should I do?', answer }], judging.framework);
		return call.then(({ verdicts }) => verdicts[0]!.label as string).catch((error: Error) => `${error.name}: ${error.message}`);
	}, answer);

test('WebLLM and the frozen self are one judge: their verdicts agree, and so do what they read and write', async ({ page }) => {
	test.setTimeout(600_000);
	await open(page);
	const loaded = await load(page);
	expect(loaded.adapter.software ? 'software.wasm' : 'gpu.wasm').toBe(loaded.library);
	const said = await page.evaluate(
		async ({ pairs, url }) => {
			const { judging, opened } = globalThis;
			const exchanges = judging.exchanges(pairs);
			const started = performance.now();
			const [theirs, webllm] = [await judging.frozenSelf(url), opened.judge];
			const middle = performance.now();
			const verdicts = await webllm.verdicts(exchanges, judging.framework);
			const done = performance.now();
			const expected = await theirs.verdicts(exchanges, judging.framework);
			const questions = exchanges.slice(0, 3).map(({ question }) => question);
			const answers = await webllm.alternatives(questions, judging.framework, [1, 2, 3]);
			const expectedAnswers = await theirs.alternatives(questions, judging.framework, [1, 2, 3]);
			return { verdicts, expected, answers, expectedAnswers, seconds: (done - middle) / 1000, loadSelf: middle - started };
		},
		{ pairs: PAIRS, url: `${server.origin}/organism/` },
	);
	const difference = largestDifference(said.verdicts.verdicts, said.expected.verdicts);
	console.log(`judge: loaded in ${loaded.seconds.toFixed(1)} s, ${(said.seconds / PAIRS).toFixed(2)} s a verdict, largest difference ${difference.toExponential(1)}`); // prettier-ignore
	expect(difference).toBeLessThan(1e-3); // both in 32 bits, summed in another order, and logits beside a bias of 100
	for (const [i, { label }] of said.verdicts.verdicts.entries()) {
		const { label: expected, probabilities } = said.expected.verdicts[i]!;
		const [first = 0, second = 0] = Object.values(probabilities).sort((a, b) => b - a);
		if (first - second > 2e-3) expect(label, `verdict ${i}`).toBe(expected);
	}
	expect(said.verdicts.tokens.read).toBe(said.expected.tokens.read); // the same prompt, to the token
	expect(said.answers).toEqual(said.expectedAnswers);
});

test('WebLLM writes what transformers writes, also where the prompt is longer than it reads at once', async ({ page }) => {
	const texts = golden.filter(({ messages }) => messages.length === 1);
	expect(texts.length).toBeGreaterThan(15);
	await open(page);
	await load(page);
	const said = await page.evaluate(
		async (prompts) => {
			const { judging, opened } = globalThis;
			const asIs = { ...judging.framework, alternativePrompt: '{question}' };
			return opened.judge.alternatives(prompts, asIs, prompts.map((_, i) => i)); // prettier-ignore
		},
		texts.map(({ messages }) => messages[0]!.content),
	);
	expect(said.answers).toEqual(texts.map(({ text }) => text.trim()));
	expect(said.tokens.read).toBe(texts.reduce((sum, { promptTokens }) => sum + promptTokens, 0));
});

test('the program for GPUs gives the same verdicts', async ({ page }) => {
	const manifest = server.files.get('/organism/webllm/manifest.json')!;
	const swapped = JSON.parse(Buffer.from(manifest.bytes).toString()) as { libraries: Record<string, string> };
	swapped.libraries.software = 'gpu.wasm'; // for an adapter that would get the other one
	server.serve({ ...manifest, bytes: Buffer.from(JSON.stringify(swapped)) }, '/organism/webllm/manifest.json');
	await open(page);
	expect((await load(page)).library).toBe('gpu.wasm');
	const [said, expected] = await page.evaluate(async (url) => {
		const { judging, opened } = globalThis;
		const exchanges = judging.exchanges(6);
		const judges = [opened.judge, await judging.frozenSelf(url)];
		return Promise.all(judges.map((judge) => judge.verdicts(exchanges, judging.framework)));
	}, `${server.origin}/organism/`);
	expect(largestDifference(said!.verdicts, expected!.verdicts)).toBeLessThan(1e-3);
});

test('a seed is an answer, another seed another', async ({ page }) => {
	await open(page);
	await load(page);
	const { answers } = await page.evaluate(async () => {
		const { judging, opened } = globalThis;
		const judge = opened.judgeWith({ temperature: 1.2, topP: 1, maxNewTokens: 16 });
		return judge.alternatives(Array<string>(4).fill('What should I do today?'), judging.framework, [7, 8, 7, 8]);
	});
	expect(answers[2]).toBe(answers[0]);
	expect(answers[3]).toBe(answers[1]);
	expect(answers[1]).not.toBe(answers[0]);
});

test('what runs can be interrupted, what is too long is refused, and the judge goes on', async ({ page }) => {
	await open(page);
	await load(page);
	const before = await verdict(page);
	const cancelled = await page.evaluate(async () => {
		const { judging, opened } = globalThis;
		const controller = new AbortController();
		const call = opened.judge.alternatives(
			Array<string>(40).fill('What should I do?'),
			judging.framework,
			Array<number>(40).fill(1),
			controller.signal,
		);
		setTimeout(() => controller.abort(new DOMException('enough', 'AbortError')), 300);
		const started = performance.now();
		const name = await call.then(() => 'done').catch((error: Error) => error.name);
		return { name, ms: performance.now() - started };
	});
	expect(cancelled.name).toBe('AbortError');
	expect(cancelled.ms).toBeLessThan(1000); // it does not wait for the model
	expect(await verdict(page)).toBe(before);
	expect(await verdict(page, 'and then help them '.repeat(200))).toMatch(
		/^JudgeError: The judge reads at most 288 tokens, and the text put to it has \d+/,
	);
	expect(await verdict(page)).toBe(before);
	const queue = () => page.evaluate(() => globalThis.opened.events.findLast((event) => event.kind === 'standing')!.standing.queue);
	await expect.poll(queue).toBe(0);
});

test('the judge is unloaded and loaded again, the second time from what is kept', async ({ page }) => {
	await open(page);
	await load(page);
	const before = await verdict(page);
	await page.evaluate(() => globalThis.opened.client.request('unload', null));
	expect(await verdict(page)).toMatch(/^JudgeLostError: The judge was unloaded/);
	const asked = server.asked.length;
	const again = await load(page);
	expect(again.missingBytes).toBe(0);
	expect(server.asked.slice(asked).map(({ path }) => path)).toEqual(['/organism/webllm/manifest.json']);
	expect(await verdict(page)).toBe(before);
});

test('a device that is lost in mid-verdict is told to whoever waits and to the page, and the judge loads again', async ({ page }) => {
	await open(page);
	await load(page);
	const before = await verdict(page);
	const lost = await page.evaluate(async () => {
		const { judging, opened } = globalThis;
		const call = opened.judge.verdicts(judging.exchanges(200), judging.framework);
		setTimeout(() => judging.harm('device'), 700);
		return call.then(() => 'done').catch((error: Error) => `${error.name}: ${error.message}`);
	});
	expect(lost).toMatch(/^JudgeLostError: The judge’s graphics device was lost/);
	expect(await page.evaluate(() => globalThis.opened.events.filter(({ kind }) => kind === 'lost').length)).toBe(1);
	expect(await verdict(page)).toMatch(/^JudgeLostError/);
	await load(page);
	expect(await verdict(page)).toBe(before);
});

test('a worker that is killed ends what waits for it', async ({ page }) => {
	await open(page);
	await load(page);
	const ended = await page.evaluate(async () => {
		const { judging, opened } = globalThis;
		const told = (error: Error) => `${error.name}: ${error.message}`;
		const call = opened.judge.verdicts(judging.exchanges(200), judging.framework).then(() => 'done', told);
		await new Promise((resolve) => setTimeout(resolve, 700));
		judging.harm('worker');
		return [await call, await opened.client.request('unload', null).then(() => 'done', told)];
	});
	expect(ended[0]).toMatch(/^JudgeLostError: The worker of the judge has ended/);
	expect(ended[1]).toMatch(/^WorkerLostError/);
});

test('a shard that is damaged is no judge; once it is whole, it is', async ({ page }) => {
	const whole = server.files.get(SHARD)!;
	server.serve({ ...whole, bytes: whole.bytes.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)) }, SHARD);
	await open(page);
	const refused = await load(page).catch((error: Error) => error.message);
	expect(refused).toMatch(/DamagedFileError: .*params_shard_0\.bin is not the file that was expected/);
	server.serve(whole, SHARD);
	await load(page);
	expect(await verdict(page)).not.toMatch(/Error/);
});

test('a file that is missing, and a folder that is none, are told by name', async ({ page }) => {
	await open(page);
	server.files.delete(SHARD);
	expect(await load(page).catch((error: Error) => error.message)).toMatch(/MissingFileError: .*params_shard_0\.bin/);
	server.files.delete('/organism/webllm/manifest.json');
	expect(await load(page).catch((error: Error) => error.message)).toMatch(/MissingFileError: .*manifest\.json/);
});

test('a server that goes in the middle of a shard is told, and the next loading goes on from there', async ({ page }) => {
	const cut = 1_500_000;
	server.serve({ ...server.files.get(SHARD)!, cut: (nth) => (nth === 0 ? cut : nth < 3 ? 0 : undefined) }, SHARD);
	await open(page);
	expect(await load(page).catch((error: Error) => error.message)).toMatch(/DownloadError: .*params_shard_0\.bin/);
	const loaded = await load(page);
	expect(server.asked.filter(({ path }) => path === SHARD).at(-1)!.headers.range).toBe(`bytes=${cut}-`);
	const library = server.files.get('/organism/webllm/software.wasm')!.bytes.length;
	expect(loaded.missingBytes).toBe(server.files.get(SHARD)!.bytes.length - cut + library);
	expect(await verdict(page)).not.toMatch(/Error/);
});
