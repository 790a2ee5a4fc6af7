import { createModelFiles } from '$lib/storage/modelFiles';

import { judgeHandlers } from './judgeHandlers';
import type { JudgeEvent, JudgeRequests } from './judgeProtocol';
import { holdLifeline } from './lifeline';
import { emitter, serve } from './rpc';

const emit = emitter<JudgeEvent>(self);
const lifeline = new Promise<string>((resolve) => void holdLifeline(resolve));
void lifeline.then((lock) => emit({ kind: 'alive', lock }));
serve<JudgeRequests>(self, judgeHandlers({ files: createModelFiles() }, emit, lifeline));
