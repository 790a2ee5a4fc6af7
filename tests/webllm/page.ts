/** A page in Chromium on which WebLLM, as it comes from npm, loads a compiled model and answers. */
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';

import { CHROMIUM_FLAGS } from '../../scripts/chromium.mjs';

const WEBLLM = 'node_modules/@mlc-ai/web-llm/lib/index.js';
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };
const START = `<!doctype html><title>WebLLM</title><script type="module">
import { CreateMLCEngine } from '/webllm.js';
let engine;
window.load = async (library) => {
	const model = location.origin + '/model/';
	engine = await CreateMLCEngine('model', { appConfig: { model_list: [{ model, model_id: 'model', model_lib: model + library }] } });
};
window.ask = async (request) => {
	const { choices: [choice], usage } = await engine.chat.completions.create(request);
	return { text: choice.message.content, top: choice.logprobs?.content[0].top_logprobs.map(({ logprob }) => Math.exp(logprob)), promptTokens: usage.prompt_tokens };
};
document.title = 'ready';
</script>`;

/** What WebLLM answered; `top` holds the probabilities of the likeliest first tokens where they were asked for. */
export interface Answer {
	text: string;
	top?: number[];
	promptTokens: number;
}

interface WebLlmWindow {
	load(library: string): Promise<void>;
	ask(request: object): Promise<Answer>;
}

/** An opened model. */
export interface CompiledModel {
	ask(request: object): Promise<Answer>;
	close(): Promise<void>;
}

/** Serves the folder, and loads one of its libraries in a browser of its own. */
export async function openModel(executablePath: string, folder: string, library: string): Promise<CompiledModel> {
	const server = await serve(folder);
	const browser: Browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
	const close = async () => {
		await browser.close();
		server.close();
	};
	try {
		const page: Page = await browser.newPage();
		await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
		await page.waitForFunction(() => document.title === 'ready');
		await page.evaluate((name) => (window as unknown as WebLlmWindow).load(name), library);
		return { ask: (request) => page.evaluate((asked) => (window as unknown as WebLlmWindow).ask(asked), request), close };
	} catch (error) {
		await close();
		throw error;
	}
}

async function serve(folder: string): Promise<Server> {
	const server = createServer((request, response) => {
		const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace('/resolve/main/', '/');
		const file = path === '/webllm.js' ? WEBLLM : join(folder, path.replace('/model/', ''));
		const found = path === '/' || (path !== '/favicon.ico' && existsSync(file));
		response.writeHead(found ? 200 : 404, {
			'content-type': path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'application/octet-stream'),
		});
		if (path === '/') response.end(START);
		else if (found) createReadStream(file).pipe(response);
		else response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return server;
}
