/** A GPU that WebGPU offers. */
export interface FoundAdapter {
	adapter: GPUAdapter;
	/** In its driver's words. */
	description: string;
	/** It is a CPU that plays a GPU. */
	software: boolean;
}

/** Bytes that a program can read of one tensor at most. */
export const mostBoundBytes = ({ maxBufferSize, maxStorageBufferBindingSize }: GPUSupportedLimits): number =>
	Math.min(maxBufferSize, maxStorageBufferBindingSize);

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** The adapter that tfjs and WebLLM would get, who both ask for it in this way; null where there is none. */
export async function findAdapter(): Promise<FoundAdapter | null> {
	if (typeof navigator === 'undefined' || !navigator.gpu) return null;
	const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
	if (!adapter) return null;
	const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
	const words = [vendor, architecture, device, description].filter(Boolean).join(' ');
	return { adapter, description: words || 'an unnamed adapter', software: isFallbackAdapter || SOFTWARE.test(words) };
}
