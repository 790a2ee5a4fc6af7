import type { Lab } from './lab.svelte';

/** What the buttons and the keys may do now. Both ask here, so that neither can do what the other can't. */
export class Controls {
	readonly canPlay = $derived.by(() => this.lab.activity !== 'reset' && (this.lab.playing || this.lab.activity === null));
	readonly canStep = $derived.by(() => this.lab.activity === null && !this.lab.over);
	readonly canReset = $derived.by(() => this.lab.activity !== 'reset' && (this.lab.underway || this.lab.over));

	constructor(private lab: Lab) {}

	playOrPause(): void {
		if (this.canPlay) void (this.lab.playing ? this.lab.pause() : this.lab.play());
	}

	stepOnce(): void {
		if (this.canStep) void this.lab.stepOnce();
	}

	reset(): void {
		if (this.canReset) void this.lab.reset();
	}

	cancel(): void {
		if (this.lab.underway) void this.lab.cancel();
	}
}
