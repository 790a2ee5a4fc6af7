/** The class server over its embedded store. */
import { openPglite } from '$lib/storage/memory/pglite';

import { serverSuite } from '../memory/serverSuite';

serverSuite('the class server on PGlite', () => openPglite());
