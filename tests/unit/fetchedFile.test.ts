import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { fetchFile } from '$lib/experiment/fetchedFile';

let server: Server | undefined;
afterEach(() => void server?.closeAllConnections());

async function serving(listener: RequestListener): Promise<string> {
	server = createServer(listener);
	await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a file comes whole with the name that its address ends with, and tells how far it is', async () => {
	const origin = await serving((_, response) => response.setHeader('content-length', 6).end('a,b\nc,'));
	const told: unknown[] = [];
	const file = await fetchFile(`${origin}/data/my%20rows.csv?download=1`, { origin, onBytes: (...bytes) => told.push(bytes) });
	expect([file.name, await file.text(), told.at(-1)]).toEqual(['my rows.csv', 'a,b\nc,', [6, 6]]);
});

test.each([
	['ftp://example.org/rows.jsonl', 'has to begin with https://'],
	['http://example.org/rows.jsonl', 'has to begin with https://'],
	['file:///etc/passwd', 'has to begin with https://'],
	['not an address', 'is no address'],
])('%s is not fetched', async (address, message) => {
	await expect(fetchFile(address)).rejects.toThrow(message);
});

test('what is no file, missing, silent or too large is told with what to do', async () => {
	const origin = await serving((request, response) => {
		if (request.url === '/page') return response.setHeader('content-type', 'text/html; charset=utf-8').end('<html>');
		if (request.url === '/large') return response.write(Buffer.alloc(2000));
		if (request.url === '/broken') return void response.write('abc', () => response.destroy());
		return response.writeHead(404).end();
	});
	const get = (place: string) => fetchFile(`${origin}${place}`, { origin, mostBytes: 1000 });
	await expect(get('/page')).rejects.toThrow('is a web page, not a file');
	await expect(get('/none')).rejects.toThrow('status 404: there is no such file');
	await expect(get('/large')).rejects.toThrow('Download it, keep the rows that you need');
	await expect(get('/broken')).rejects.toThrow('broke off after 3 bytes');
	const dead = 'http://127.0.0.1:9';
	await expect(fetchFile(`${dead}/rows`, { origin: dead })).rejects.toThrow(/CORS\)\. Download the file/);
});

test('a file that is not wanted any more stops coming', async () => {
	const origin = await serving((_, response) => void response.write('begun'));
	const controller = new AbortController();
	const coming = fetchFile(`${origin}/slow`, { origin, signal: controller.signal, onBytes: () => controller.abort() });
	await expect(coming).rejects.toMatchObject({ name: 'AbortError' });
});
