/** The memory in PGlite, as a browser and a class server without a PostgreSQL of its own have it. */
import { openPglite } from '$lib/storage/memory/pglite';

import { memorySuite } from '../memory/suite';

memorySuite('a memory in PGlite', () => openPglite());
