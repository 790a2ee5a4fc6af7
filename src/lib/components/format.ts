import type { Estimate } from '$lib/evaluation/statistics';

const UNKNOWN = '–';
const english = new Intl.NumberFormat('en'); // made once: toLocaleString makes one at each call

/** `x` with so many decimals; a dash for what is not known. */
export function fixed(x: number | null | undefined, decimals: number): string {
	return x === null || x === undefined || !Number.isFinite(x) ? UNKNOWN : x.toFixed(decimals).replace('-', '−');
}

/** A share of 1 in percent. */
export function percent(share: number | null | undefined, decimals = 0): string {
	return share === null || share === undefined || !Number.isFinite(share) ? UNKNOWN : `${fixed(100 * share, decimals)} %`;
}

/** An estimate's 95 % interval in the estimate's unit times `factor`, kept within what the measure can be. */
export function interval({ ci }: Estimate, decimals: number, factor = 1, [least, most]: readonly [number, number] = [0, 100]): string {
	if (!ci) return 'interval unknown';
	const [low, high] = ci.map((end) => fixed(Math.min(most, Math.max(least, end * factor)), decimals));
	return `${low} to ${high}`;
}

export function count(n: number, one: string, many: string): string {
	return `${english.format(n)} ${n === 1 ? one : many}`;
}

/** A duration as a person says it. */
export function duration(seconds: number): string {
	if (seconds < 1) return 'under a second';
	if (seconds < 90) return count(Math.round(seconds), 'second', 'seconds');
	const minutes = Math.round(seconds / 60);
	return minutes < 90 ? count(minutes, 'minute', 'minutes') : `${fixed(seconds / 3600, 1)} hours`;
}

export function megabytes(bytes: number): string {
	return `${fixed(bytes / 1e6, 1)} MB`;
}

export const sizeInWords = (bytes: number): string => (bytes < 1e9 ? megabytes(bytes) : `${fixed(bytes / 1e9, 1)} GB`);
