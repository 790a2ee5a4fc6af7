import * as v from 'valibot';

const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** What is known of a model that was looked into; it lies beside a kept one as its manifest. */
export const Found = v.object({
	/** What its folder or zip was called. */
	name: v.string(),
	/** Of the checkpoint, as loadCheckpoint tells it. */
	sha256: Hash,
	/** `llama`, `qwen2` or `qwen3`. */
	family: v.string(),
	layers: v.number(),
	parameters: v.number(),
	/** As its weights are stored: `BF16`, for instance. */
	dtypes: v.array(v.string()),
	/** The files that the lab needs. */
	files: v.array(v.object({ path: v.string(), bytes: v.number(), sha256: Hash })),
});
export type Found = v.InferOutput<typeof Found>;

export const bytesOf = ({ files }: Found): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** What the page gives: a folder's files with their paths, or one zip. */
export interface Given {
	name: string;
	files: readonly { path: string; file: Blob }[];
}

/** How looking or keeping is followed, and ended. */
export interface Reading {
	signal?: AbortSignal | undefined;
	/** Hears how many bytes were read or written, and of how many. */
	onBytes?: ((done: number, total: number) => void) | undefined;
}
