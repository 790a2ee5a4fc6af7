/** What the tests of the compiler need, made where it is missing: two Python environments, Emscripten and Chromium. */
import type { TestProject } from 'vitest/node';

import { ensureChromium } from '../../scripts/chromium.mjs';
import { ensurePython } from '../../scripts/python.mjs';
import { ensureCompiler } from '../../scripts/webllm.mjs';

declare module 'vitest' {
	export interface ProvidedContext {
		/** Interpreter with transformers. */
		python: string;
		/** Interpreter with TVM. */
		compiler: string;
		chromium: string;
	}
}

export default async function setup(project: TestProject): Promise<void> {
	project.provide('python', await ensurePython());
	project.provide('compiler', await ensureCompiler());
	project.provide('chromium', await ensureChromium());
}
