import { CONSCIENCE } from './families/conscience';
import { DEV } from './families/dev';
import { EVALUATION } from './families/evaluation';
import type { Family, FamilySet, Topic } from './families/family';
import { UNJUDGED } from './families/unjudged';

export type { Author, Family, FamilySet, Topic } from './families/family';

const inSet = (set: FamilySet, families: readonly Topic[]): Family[] => families.map((family) => ({ ...family, set }));

/** Every family of questions of the world. */
export const FAMILIES: readonly Family[] = [
	...inSet('evaluation', EVALUATION),
	...inSet('conscience', CONSCIENCE),
	...inSet('dev', DEV),
	...inSet('unjudged', UNJUDGED),
];

/** The families of one set, in their fixed order. */
export function familiesOf(set: FamilySet): Family[] {
	return FAMILIES.filter((family) => family.set === set);
}
