/** Keeps the screen on until the returned function is called; where a browser can't, or won't on a low battery, nothing happens. */
export function keepAwake(): () => void {
	let lock: WakeLockSentinel | null = null;
	let ended = false;
	const request = async () => {
		if (ended || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
		lock = await navigator.wakeLock.request('screen').catch(() => null);
		if (ended) void lock?.release();
	};
	// A browser takes the lock away from a page that is not seen.
	const onVisible = () => void request();
	document.addEventListener('visibilitychange', onVisible);
	void request();
	return () => {
		ended = true;
		document.removeEventListener('visibilitychange', onVisible);
		void lock?.release();
	};
}
