import type { JudgeModel } from '$lib/conscience/webllm';

/** One request to the model, which the test answers when it likes. */
export interface Asked {
	prompt: string;
	seed: number | null;
	signal: AbortSignal | undefined;
	/** P(ethical), or the text of an answer. */
	answer(answer: number | string): Promise<void>;
	fail(error: Error): Promise<void>;
}

/** A model of which a test plays the part. It obeys the signal as WebLLM does: only once it is answered. */
export function fakeJudgeModel() {
	const asked: Asked[] = [];
	let atOnce = 0;
	let most = 0;
	let unloaded = 0;
	const request = async <R>(
		prompt: string,
		seed: number | null,
		signal: AbortSignal | undefined,
		toReply: (answer: number | string) => R,
	): Promise<R> => {
		most = Math.max(most, ++atOnce);
		try {
			const answer = await new Promise<number | string>((resolve, reject) => {
				const settled = () => new Promise<void>((done) => setTimeout(done, 5));
				asked.push({
					prompt,
					seed,
					signal,
					answer: (given) => (resolve(given), settled()),
					fail: (error) => (reject(error), settled()),
				});
			});
			signal?.throwIfAborted();
			return toReply(answer);
		} finally {
			atOnce--;
		}
	};
	const model: JudgeModel = {
		labelProbabilities: (prompt, signal) =>
			request(prompt, null, signal, (ethical) => ({
				probabilities: [Number(ethical), 0, 1 - Number(ethical)],
				tokens: { read: 10, written: 1 },
			})),
		write: (prompt, seed, _, signal) =>
			request(prompt, seed, signal, (text) => ({ text: String(text), ended: true, tokens: { read: 5, written: 3 } })),
		unload: async () => void unloaded++,
	};
	return {
		model,
		asked,
		/** The largest number of requests that it had at once. */
		most: () => most,
		unloaded: () => unloaded,
		/** Answers each request as it comes. */
		answerAll(answer: (prompt: string) => number | string): () => void {
			let next = 0;
			const timer = setInterval(() => {
				for (; next < asked.length; next++) void asked[next]!.answer(answer(asked[next]!.prompt));
			}, 1);
			return () => clearInterval(timer);
		},
	};
}
