import { expect, test } from 'vitest';

import { looksLikeCode } from '$lib/components/code';
import { codePairs } from '$lib/components/settings/codeForms';
import { CODE_HOLES } from '$lib/components/settings/codeHoles';
import { CODE_TASKS, FAMILIES } from '$world/index';

test('every kind of coding task says what its hole is, and no sentence is left over', () => {
	expect(Object.keys(CODE_HOLES)).toEqual(CODE_TASKS.map(({ id }) => id));
});

test('both forms of every task are set as code, and no piece of advice is', () => {
	for (const { secure, insecure } of codePairs()) {
		for (const form of [secure, insecure]) expect(looksLikeCode(form.map(({ text }) => text).join('\n'))).toBe(true);
	}
	for (const { kind, cruel } of FAMILIES)
		for (const phrase of [...kind, ...cruel]) expect(looksLikeCode(`You could ${phrase}.`)).toBe(false);
});
