import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { fittedRows, rowStream } from '$lib/experiment/data';
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { fitted, lengthOf, rowLimit, type TokenRow } from '$lib/experiment/rowLengths';
import type { ChatRow } from '$lib/experiment/rows';
import { createTokenizer, type Tokenizer } from '$lib/model/tokenizer';

import organismTokenizer from '../../static/organism/tokenizer.json';
import organismConfig from '../../static/organism/tokenizer_config.json';

const ids = fc.array(fc.nat(5), { minLength: 1, maxLength: 12 });
const anyRow: fc.Arbitrary<TokenRow> = fc.record({ prompt: ids, completion: ids, rejected: fc.option(ids) });

test('a row that fits is learnt as it is; one that does not is left out, or cut to the limit at the end of its answers', () => {
	fc.assert(
		fc.property(anyRow, fc.integer({ min: 1, max: 24 }), fc.constantFrom('skip' as const, 'truncate' as const), (row, tokens, tooLong) => {
			const found = fitted(row, { tokens, by: '', tooLong });
			if (lengthOf(row) <= tokens) return void expect(found).toBe(row);
			if (tooLong === 'skip' || row.prompt.length >= tokens) return void expect(found).toBeNull();
			const room = tokens - row.prompt.length;
			expect(lengthOf(found!)).toBeLessThanOrEqual(tokens);
			expect(found!.prompt).toEqual(row.prompt);
			expect(found!.completion).toEqual(row.completion.slice(0, room));
			const rejected = row.rejected?.slice(0, room) ?? null;
			const same = JSON.stringify(rejected) === JSON.stringify(found!.completion);
			expect(found!.rejected).toEqual(same ? null : rejected);
		}),
	);
});

test('the lower of two limits holds, and says whose it is', () => {
	const { data } = presetById('sft').experiment;
	expect(rowLimit(data, 288)).toEqual({ tokens: 288, by: 'the model reads at most 288', tooLong: 'refuse' });
	expect(rowLimit({ ...data, maxTokens: 64 }, 288)).toMatchObject({ tokens: 64, by: 'data.maxTokens is 64' });
	expect(rowLimit({ ...data, maxTokens: 500 }, 288).tokens).toBe(288);
});

describe('rows of the user’s own', () => {
	let tokenizer: Tokenizer;
	beforeAll(() => (tokenizer = createTokenizer({ tokenizer: organismTokenizer, tokenizerConfig: organismConfig })));
	const row = (question: string, answer: string, rejected?: string): ChatRow => ({
		messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }], // prettier-ignore
		...(rejected !== undefined && { rejected }),
	});
	const rows = [row('Hi', 'Hello.'), row('Hi', 'word '.repeat(80)), row('Hi', 'Hello.', 'Go. '.repeat(60)), row('why '.repeat(90), 'So.')];
	const own = (...changes: [string, string][]) => applyChanges(presetById('sft').experiment, [['data.source', 'rows'], ['data.maxTokens', '60'], ...changes]); // prettier-ignore

	test('are refused with the first that is too long, and how many there are', () => {
		expect(() => rowStream(own(), rows, tokenizer, 288)).toThrow(
			/^Row 2 has \d+ tokens, and data.maxTokens is 60. 3 of 4 rows are too long. .*data.tooLong/,
		);
		expect(() => rowStream(own(['data.maxTokens', '0']), rows, tokenizer, 60)).toThrow(/and the model reads at most 60. 3 of 4/);
	});

	test('are left out, both halves of a pair together', () => {
		const fit = fittedRows(rows, own(['data.tooLong', 'skip']).data, tokenizer, 288).map((found) => found.row !== null);
		expect(fit).toEqual([true, false, false, false]);
		expect(rowStream(own(['data.tooLong', 'skip']), rows, tokenizer, 288).state().epoch).toEqual({ rows: 1, queue: [] });
		expect(() => rowStream(own(['data.tooLong', 'skip'], ['data.maxTokens', '3']), rows, tokenizer, 288)).toThrow('All rows are too long');
	});

	test('are cut without a stop token, and left out where the prompt alone is too long', () => {
		const fit = fittedRows(rows, own(['data.tooLong', 'truncate']).data, tokenizer, 288);
		const [stop] = tokenizer.eosTokenIds;
		expect(fit.map(({ row }) => row && lengthOf(row) <= 60)).toEqual([true, true, true, null]);
		expect(fit.map(({ row }) => row?.completion.at(-1) === stop)).toEqual([true, false, true, false]);
		expect(fit[2]!.row!.rejected!.at(-1)).not.toBe(stop);
	});
});
