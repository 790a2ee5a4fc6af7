// Installs the npm packages when they are missing or differ from package-lock.json. Runs before `npm start`, `npm test` and
// `npm run verify`, so it may use nothing but Node itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { npm, ROOT, run } from './process.mjs';

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockedPackage */

/**
 * The packages that a lock file names, by their folder.
 * @param {string} file
 * @returns {Record<string, LockedPackage>}
 */
const lockedPackages = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;

/** Whether npm's own record of what it installed (written last, so an interrupted installation has none) agrees with the lock file. */
function isInstalled() {
	try {
		const installed = lockedPackages('node_modules/.package-lock.json');
		return Object.entries(lockedPackages('package-lock.json')).every(([folder, wanted]) => {
			if (folder === '') return true; // the lab itself
			const found = installed[folder];
			// Builds for other systems are in the lock file, but not installed.
			if (!found) return Boolean(wanted.optional ?? wanted.devOptional);
			return found.version === wanted.version && found.integrity === wanted.integrity;
		});
	} catch {
		return false;
	}
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
	console.error(`This is Node ${process.versions.node}; the lab needs Node 20.19 or newer. Get it from https://nodejs.org.`);
	process.exit(1);
}
if (!isInstalled()) {
	console.log('Installing the npm packages (once) …');
	if ((await run(npm('ci', '--no-audit', '--no-fund'))) !== 0) {
		console.error('npm could not install the packages: see its message above. The first installation needs a network connection.');
		process.exit(1);
	}
}
