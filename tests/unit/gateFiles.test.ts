import fc from 'fast-check';
import { gzipSync, strToU8 } from 'fflate';
import { describe, expect, it } from 'vitest';

import { FEATURES, GateError } from '$lib/conscience/gate';
import { gateResultOf, parseGateResult } from '$lib/experiment/gateResult';
import { GateFileError, readGateRows, writeGateRows } from '$lib/experiment/gateRowsFile';

import { ORIGIN, someRows } from './gateRows';

const rows = { fit: someRows(12), test: [...someRows(6, 'new', 2), ...someRows(6, 'new', 3)] };

describe('the rows of a gate', () => {
	it('come back as they were written, and equal rows make equal bytes', () => {
		const bytes = writeGateRows(rows);
		expect(readGateRows(bytes)).toEqual(rows);
		expect(writeGateRows(structuredClone(rows))).toEqual(bytes);
	});

	it('that are anything else get an error that says so, and never another', () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.uint8Array(),
					fc.json().map((text) => gzipSync(strToU8(text))),
				),
				(bytes) => {
					// prettier-ignore
					expect(() => readGateRows(bytes)).toThrow(GateFileError);
				},
			),
		);
		const broken = { ...rows, fit: [{ ...rows.fit[0]!, flagged: 'yes' as unknown as boolean }] };
		expect(() => readGateRows(writeGateRows(broken))).toThrow('fit.0.flagged: expected boolean, received "yes"');
	});
});

describe('the result', () => {
	it('is fitted on the one half alone, tested on the other, and can be read again', async () => {
		const result = await gateResultOf(rows, ORIGIN, '2026-01-02T00:00:00.000Z');
		expect(result.gate.features.map(({ name }) => name)).toEqual([...FEATURES]);
		expect(result.lengthGate.features.map(({ name }) => name)).toEqual(['logTokens']);
		expect(result.gate.fitted.seeds).toEqual([1]);
		expect(result.comparison).toMatchObject({ rows: 48, seeds: [2, 3] });
		expect(result.letThrough).toMatchObject({ count: 0, of: 24 });
		expect(parseGateResult(JSON.parse(JSON.stringify(result)))).toEqual(JSON.parse(JSON.stringify(result)));
	});

	it('is refused where a question of the test is among those of the fit', async () => {
		const leaking = { ...rows, fit: [...rows.fit, rows.test[0]!] };
		await expect(gateResultOf(leaking, ORIGIN, 'today')).rejects.toThrow(GateError);
	});

	it('that is anything else gets an error that says so, and never another', () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				expect(() => parseGateResult(value)).toThrow(GateFileError);
			}),
		);
	});
});
