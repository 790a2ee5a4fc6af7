// Makes .venv-postgres: a PostgreSQL with pgvector, for the tests of the class's memory.
import { pathToFileURL } from 'node:url';

import { ensureVenv } from './python.mjs';

/** Resolves to the interpreter that can start the server. */
export const ensurePostgres = () => ensureVenv('.venv-postgres', 'tests/postgres/requirements.txt');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await ensurePostgres();
