/** The judge's worker as it ships, and beside it what a test can do to it. */
import '$lib/worker/judge.worker';

const devices: GPUDevice[] = [];
const adapters = GPUAdapter.prototype as { requestDevice: (this: GPUAdapter, descriptor?: GPUDeviceDescriptor) => Promise<GPUDevice> };
const { requestDevice } = adapters;
adapters.requestDevice = async function (descriptor) {
	const device = await requestDevice.call(this, descriptor);
	devices.push(device);
	return device;
};

new BroadcastChannel('harm').addEventListener('message', ({ data }: MessageEvent<'device' | 'worker'>) => {
	if (data === 'worker') self.close();
	else for (const device of devices.splice(0)) device.destroy();
});
