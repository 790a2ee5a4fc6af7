import { startBackend, type BackendName } from '$lib/model/backend';
import type { WasmPaths } from '$lib/model/kernels/wasmBuild';
import { expect } from 'vitest';

const inBrowser = typeof document !== 'undefined';

/** The backends that golden numbers must hold on: in Node the oracle and the one without a GPU, in a browser the GPU. */
export const BACKENDS: BackendName[] = inBrowser ? ['webgpu'] : ['cpu', 'wasm'];

/** Starts a backend as the lab does, with the kernels that it replaces. */
export async function useBackend(name: BackendName, wasmPaths?: WasmPaths): Promise<void> {
	const report = await startBackend(name, wasmPaths ? { wasmPaths } : {});
	expect(report.name).toBe(name);
}

/** Fails with the first place where `actual` is further than `tolerance` from `expected` (NaN is never close). */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
	expect(actual.length, 'number of values').toBe(expected.length);
	for (let i = 0; i < expected.length; i++) {
		if (Math.abs(actual[i]! - expected[i]!) <= tolerance) continue;
		expect.fail(`value ${i} of ${expected.length} is ${actual[i]}; expected ${expected[i]} ± ${tolerance}`);
	}
}
