import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The commit of the code that makes a result, for its file: with a + where what computes it was changed since, and 'unknown' outside of a repository. */
export function commitHere(): string {
	const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
	const { status, stdout } = git('rev-parse', '--short=10', 'HEAD');
	if (status !== 0) return 'unknown';
	return `${stdout.trim()}${git('status', '--porcelain', '--untracked-files=no', 'src', 'cli', 'organism').stdout.trim() === '' ? '' : '+'}`;
}
