import type { ConscienceState } from '$lib/experiment/arms/index';
import type { RunSnapshot } from '$lib/experiment/snapshot';

/** A snapshot without the two large parts that few steps change: the pairs are new after a call, the evaluation after the next one. */
export interface SnapshotState extends Omit<RunSnapshot, 'conscience' | 'latest'> {
	conscience: Omit<ConscienceState, 'buffer'> | null;
}

/** A snapshot in parts, each of which can be written on its own. */
export interface SnapshotParts {
	state: SnapshotState;
	buffer: ConscienceState['buffer'] | null;
	latest: RunSnapshot['latest'];
}

export function partsOf({ conscience, latest, ...rest }: RunSnapshot): SnapshotParts {
	if (!conscience) return { state: { ...rest, conscience: null }, buffer: null, latest };
	const { buffer, ...small } = conscience;
	return { state: { ...rest, conscience: small }, buffer, latest };
}

/** The snapshot that was taken apart. */
export const joined = ({ state: { conscience, ...rest }, buffer, latest }: SnapshotParts): RunSnapshot => ({
	...rest,
	conscience: conscience && { ...conscience, buffer: buffer ?? [] },
	latest,
});
