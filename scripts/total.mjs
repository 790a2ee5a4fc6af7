// The last word of .ci/run: what `npm test` and `npm run verify` counted, added up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { printResults } from './checks.mjs';
import { ROOT } from './process.mjs';

const results = ['test', 'verify'].flatMap((name) => {
	try {
		return JSON.parse(readFileSync(join(ROOT, 'build', 'checks', `${name}.json`), 'utf8'));
	} catch {
		return { name: `npm run ${name}`, passed: 0, failed: 1, seconds: 0, log: 'above; it did not get as far as counting' };
	}
});
console.log('');
printResults(results);
process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0;
