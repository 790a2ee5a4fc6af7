import type { Context } from 'hono';

/**
 * Answers with JSON lines as they come. What fails before the first of them is an error like any other; what fails later breaks the connection
 * off, so that nobody takes a part for the whole.
 */
export async function jsonLines(context: Context, lines: AsyncGenerator<string>, log: (line: string) => void): Promise<Response> {
	const encoder = new TextEncoder();
	let next = await lines.next();
	const body = new ReadableStream<Uint8Array>({
		async pull(controller) {
			if (next.done) return controller.close();
			controller.enqueue(encoder.encode(next.value));
			try {
				next = await lines.next();
			} catch (error) {
				log(`! ${context.req.method} ${context.req.path} broke off: ${(error as Error).message}`);
				throw error;
			}
		},
		cancel: async () => void (await lines.return(undefined)),
	});
	return context.body(body, 200, { 'content-type': 'application/jsonl; charset=utf-8' });
}
