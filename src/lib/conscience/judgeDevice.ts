import { JudgeLostError } from './judge';

/** The device that a model runs on, as far as it can fail. */
export interface JudgeDevice {
	/** The work's result; rejects at once when the device is lost, or was, whatever becomes of the work. @throws JudgeLostError */
	guard<T>(work: Promise<T>): Promise<T>;
	/** What the GPU refused since the last call, null when nothing: WebGPU throws nothing, and a refused computation leaves zeros. */
	takeFault(): string | null;
	/** From now on the device may go. */
	release(): void;
	/** Frees what is on it. */
	destroy(): void;
}

/**
 * Watches the devices that are asked for until `stop`: whoever loads WebLLM learns only from its log that its device was lost.
 * `onLost` is called once.
 */
export function watchDevice(onLost: (error: JudgeLostError) => void): { device: JudgeDevice; stop: () => void } {
	const waiting = new Set<(error: Error) => void>();
	let lost: JudgeLostError | null = null;
	const devices: GPUDevice[] = [];
	let released = false;
	let fault: string | null = null;

	const lose = ({ message, reason }: GPUDeviceLostInfo) => {
		if (lost || released) return;
		lost = new JudgeLostError(
			`The judge’s graphics device was lost (${message || reason || 'no reason given'}). Memory may be short: close other tabs, then load the judge again, or let the frozen copy in the trainer judge.`,
		);
		for (const reject of waiting) reject(lost);
		waiting.clear();
		onLost(lost);
	};
	const stop = overrideDevices((device) => {
		devices.push(device);
		void device.lost.then(lose);
		device.addEventListener('uncapturederror', ({ error }) => (fault ??= error.message));
	});
	const guard = <T>(work: Promise<T>) =>
		new Promise<T>((resolve, reject) => {
			if (lost) return reject(lost);
			waiting.add(reject);
			// What broke may be heard of just before the loss that broke it.
			const late = (error: unknown) => setTimeout(() => reject((lost ?? error) as Error));
			void work.then(resolve, late).finally(() => waiting.delete(reject));
		});
	const takeFault = () => {
		const taken = fault;
		fault = null;
		return taken;
	};
	const release = () => void (released = true);
	const destroy = () => {
		release();
		for (const device of devices) device.destroy();
	};
	return { device: { guard, takeFault, release, destroy }, stop };
}

/** Shows every device that this worker asks for to `onDevice`; returns what ends it. */
function overrideDevices(onDevice: (device: GPUDevice) => void): () => void {
	const { gpu } = navigator;
	const requestAdapter = gpu.requestAdapter.bind(gpu);
	gpu.requestAdapter = async (options) => {
		const adapter = await requestAdapter(options);
		if (!adapter) return adapter;
		const requestDevice = adapter.requestDevice.bind(adapter);
		adapter.requestDevice = async (descriptor) => {
			const device = await requestDevice(descriptor);
			onDevice(device);
			return device;
		};
		return adapter;
	};
	return () => void Reflect.deleteProperty(gpu, 'requestAdapter');
}
