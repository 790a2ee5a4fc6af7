import { createModelFiles } from '$lib/storage/modelFiles';

import { holdLifeline } from './lifeline';
import { modelsHandlers } from './modelsHandlers';
import type { ModelsEvent, ModelsRequests } from './modelsProtocol';
import { emitter, serve } from './rpc';

const emit = emitter<ModelsEvent>(self);
void holdLifeline((lock) => emit({ kind: 'alive', lock }));
serve<ModelsRequests>(self, modelsHandlers({ files: createModelFiles() }, emit));
