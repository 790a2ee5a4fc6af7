// `npm run golden`: writes the golden numbers anew, each with the Python script that lies beside them in tests/golden.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, run } from './process.mjs';
import { ensurePython } from './python.mjs';

const wanted = process.argv.slice(2); // names without .py; none means all
const folder = join(ROOT, 'tests', 'golden');
const scripts = readdirSync(folder).filter((file) => file.endsWith('.py') && (wanted.length === 0 || wanted.includes(file.slice(0, -3))));
if (scripts.length === 0) throw new Error(`No script in tests/golden is called ${wanted.join(' or ')}.`);

const python = await ensurePython();
for (const script of scripts) {
	console.log(`tests/golden/${script}`);
	if ((await run([python, join(folder, script)])) !== 0) throw new Error(`tests/golden/${script} failed: see its message above.`);
}
