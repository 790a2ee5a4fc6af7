/** How the views of this browser, tabs among them, hear of what another one has changed. */
const CHANNEL = 'conscience-lab-marks';
/** Opened with the first mark: not every view sets one. */
let sender: BroadcastChannel | null = null;

/** Tells every other view of this browser that marks of the run have changed. They are written, whether anybody can be told or not. */
export function tellChanged(runId: string): void {
	try {
		sender ??= new BroadcastChannel(CHANNEL);
		sender.postMessage(runId);
	} catch {
		// Where the browser keeps no data for the page, it may grant no channel either.
	}
}

/** Tells of every run whose labels or pins have changed, in this tab or another, until the returned function is called. */
export function onChanged(listener: (runId: string) => void): () => void {
	try {
		const channel = new BroadcastChannel(CHANNEL); // one of its own: a channel does not hear itself
		channel.onmessage = ({ data }: MessageEvent<string>) => listener(data);
		return () => channel.close();
	} catch {
		return () => {}; // no channel, no news
	}
}
