import { createModelFiles } from '$lib/storage/modelFiles';

import { holdLifeline } from './lifeline';
import { ownFolderHandlers } from './ownFolderHandlers';
import type { OwnFolderEvent, OwnFolderRequests } from './ownFolderProtocol';
import { emitter, serve } from './rpc';

const emit = emitter<OwnFolderEvent>(self);
void holdLifeline((lock) => emit({ kind: 'alive', lock }));
serve<OwnFolderRequests>(self, ownFolderHandlers(createModelFiles(), emit));
