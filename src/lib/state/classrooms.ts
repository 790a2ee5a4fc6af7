import type { Exchange } from '$lib/conscience/judge';
import { type Memory, type MemoryFile, type Neighbour, rerank } from '$lib/conscience/memory';
import * as classStore from '$lib/storage/classStore';
import type { Membership } from '$lib/storage/classStore';
import type { KeptRun } from '$lib/storage/database';
import { readLabels } from '$lib/storage/marks';
import { newSecret } from '$lib/storage/memory/classes';
import { ClassClient, joinClass } from '$lib/storage/memory/client';
import { listRuns, readEvents } from '$lib/storage/runs';
import LabWorker from '$lib/worker/lab.worker?worker';

import { Classroom } from './classroom.svelte';
import { lab } from './index';
import { OwnMemory } from './ownMemory.svelte';
import { checkpointUrl } from './place';
import type { ReadStates, RunReader } from './reviewing';
import { StateReader } from './stateReader';
import { TakingAlong } from './takingAlong.svelte';
import { TeacherDesk } from './teacherDesk.svelte';

/** What a look-up fetches, of which it shows the most useful, and no more than so many of one member. */
const [FETCHED, SHOWN, PER_CONTRIBUTOR] = [20, 5, 2];

export const stateReader = new StateReader(() => new LabWorker({ name: 'states' }), checkpointUrl);

/** What a memory has that is like an exchange. */
export async function lookUp(
	memory: Memory,
	checkpoint: string,
	exchange: Exchange,
	perContributor = PER_CONTRIBUTOR,
): Promise<Neighbour[]> {
	const [state] = await stateReader.read(checkpoint, [exchange]);
	return rerank(await memory.nearest(state!, FETCHED), { k: SHOWN, perContributor, question: exchange.question });
}

const runReader: RunReader = { events: readEvents, labels: readLabels };
const readStates: ReadStates = (checkpoint, exchanges, onProgress) => stateReader.read(checkpoint, exchanges, onProgress);

/** The reader in a class, or out of every one, which is how it begins. */
export const classroom = new Classroom(
	classStore,
	{ join: joinClass, client: ({ server, secret }) => new ClassClient(server, secret), newSecret },
	runReader,
	readStates,
);

export const ownMemory = new OwnMemory(
	async () => (await import('./ownStore')).openOwnStore(),
	runReader,
	readStates,
	(memory, checkpoint, exchange) => lookUp(memory, checkpoint, exchange, SHOWN), // all of it is the reader's
);

/** A state that the frozen model of the experiment makes: it tells which one it is, and of how many numbers its states are. */
const ofModel = async () =>
	(await stateReader.read(lab.experiment.model.checkpoint, [{ question: 'Who are you?', answer: 'A model.' }]))[0]!;

/** The next run takes a memory along; the lab's page opens, and says so. */
function takeAlong(file: MemoryFile): void {
	lab.files.useMemory(file);
	lab.files.last = { fileName: file.fileName, kind: 'memory', query: lab.query };
}

export const takingOf = ({ name }: Membership) =>
	new TakingAlong(async () => ({ text: await classroom.agreed(await ofModel()), fileName: `memory of ${name}.jsonl` }), takeAlong);

export const ownTaking = new TakingAlong(
	async () => ({ text: await ownMemory.agreed(await ofModel()), fileName: 'my memory.jsonl' }),
	takeAlong,
);

export const deskOf = ({ server, secret }: Membership) => new TeacherDesk(new ClassClient(server, secret));

/** The kept runs whose copy had a conscience and has told of something, the newest first; none where the store can't be read. */
export const runsWithConscience = (): Promise<KeptRun[]> =>
	listRuns().then(
		(runs) => runs.filter(({ arm, sizes }) => arm !== 'sft' && sizes.events > 0),
		() => [],
	);

// What waits is sent wherever in the lab the reader is: this module comes when the page has nothing else to do.
void classroom.begin();
globalThis.addEventListener('online', () => void classroom.refresh());
