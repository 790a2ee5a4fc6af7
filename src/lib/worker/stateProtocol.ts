import type { Exchange } from '$lib/conscience/judge';
import type { PooledState } from '$lib/conscience/memory';

import type { Engine } from './protocol';

/** What may be asked of a worker that holds no run: the states by which a memory finds exchanges again. */
export interface StateRequests {
	states: { params: { engine: Engine; checkpointUrl: string; exchanges: readonly Exchange[] }; result: { states: PooledState[] } };
}
