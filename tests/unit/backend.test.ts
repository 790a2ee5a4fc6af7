import { BackendError, checkDevice, startBackend } from '$lib/model/backend';
import { yieldToEvents } from '$lib/model/eventLoop';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it, vi } from 'vitest';

const offer = (info: object | null) =>
	vi.stubGlobal('navigator', { gpu: { requestAdapter: () => Promise.resolve(info && { info }) }, userAgent: 'test' });

describe('startBackend', () => {
	afterEach(() => vi.unstubAllGlobals());

	it('starts what it is asked for', async () => {
		expect(await startBackend('cpu')).toMatchObject({ name: 'cpu', adapter: null, software: false });
		expect(tf.getBackend()).toBe('cpu');
		expect(await startBackend('wasm')).toMatchObject({ name: 'wasm', adapter: null });
		expect(tf.getBackend()).toBe('wasm');
	});

	it('gives wasm the kernels of the lab, all, or those that are named', async () => {
		// What changes a tensor in place has no composed operations to take its place, so it is always there.
		const inPlace = ['ConscienceLabWriteCache', 'ConscienceLabLastWritten', 'ConscienceLabDrawTokens', 'ConscienceLabNoteDraws'];
		const own = () =>
			tf
				.getKernelsForBackend('wasm')
				.map(({ kernelName }) => kernelName)
				.filter((name) => name.startsWith('ConscienceLab') && !inPlace.includes(name));
		await startBackend('wasm');
		const all = own().length;
		await startBackend('wasm', { wasmKernels: ['swiglu'] });
		expect(own()).toEqual(['ConscienceLabSwiglu', 'ConscienceLabSwigluGradient']);
		await startBackend('wasm', { wasmKernels: [] });
		expect(own()).toEqual([]);
		await startBackend('wasm');
		expect(own()).toHaveLength(all);
		expect(all).toBeGreaterThan(10);
	});

	it('takes wasm where there is no WebGPU, and says so', async () => {
		vi.stubGlobal('navigator', { userAgent: 'test' });
		const without = await startBackend('auto');
		offer(null);
		for (const { name, reason } of [without, await startBackend('auto')]) {
			expect(name).toBe('wasm');
			expect(reason).toContain('offers no WebGPU');
		}
	});

	it.each([
		{ vendor: 'google', architecture: 'swiftshader', device: '', description: '' },
		{ vendor: 'mesa', architecture: '', device: '', description: 'llvmpipe (LLVM 19)' },
		{ vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: true },
	])('takes wasm rather than a GPU in software: %j', async (info) => {
		offer(info);
		const { name, reason } = await startBackend('auto');
		expect(name).toBe('wasm');
		expect(reason).toContain('a CPU that plays a GPU');
	});

	it('says what to do when WebGPU is asked for and there is none', async () => {
		offer(null);
		await expect(startBackend('webgpu')).rejects.toThrow(BackendError);
		await expect(startBackend('webgpu')).rejects.toThrow(/use the wasm backend/);
	});

	it('finds nothing wrong with a device that is not there', () => {
		expect(() => checkDevice()).not.toThrow();
	});
});

describe('yieldToEvents', () => {
	it('lets a waiting message in after 50 ms of work, though nothing else awaits it', async () => {
		await yieldToEvents();
		let heard = false;
		setTimeout(() => (heard = true), 0);
		const start = performance.now();
		while (performance.now() - start < 60);
		await Promise.resolve();
		expect(heard).toBe(false);
		while (!heard && performance.now() - start < 1000) {
			await yieldToEvents();
			const again = performance.now();
			while (performance.now() - again < 60);
		}
		expect(heard).toBe(true);
	});
});
