/** Every study, in the order of their numbers. A new one is a file beside this one, and a line here. */
import { twin } from './e01Twin';
import { judges } from './e02Judges';
import { missRate } from './e03MissRate';
import { settingsOfConscience } from './e04Settings';
import { who } from './e05Who';
import { alternatives } from './e06Alternatives';
import { labelNoise } from './e07LabelNoise';
import { methods } from './e08Methods';
import { realignment } from './e09Realignment';
import { hiddenTraits } from './e10Hidden';
import { overhead } from './e11Overhead';
import { gaming } from './e12Gaming';
import { capability } from './e13Capability';
import { panel } from './e14Panel';
import { earlyStopping } from './e15EarlyStopping';
import { otherOrganism } from './e16OtherOrganism';
import type { Study } from './study';

export type { Study, StudyRun } from './study';

/** As they are listed. E3, the settling test, stands first: if a conscience does not see what is wrong with its pupil, no other figure counts. */
export const STUDIES: readonly Study[] = [
	...[missRate, twin, judges, settingsOfConscience, who, alternatives, labelNoise, methods],
	...[realignment, hiddenTraits, overhead, gaming, capability, panel, earlyStopping, otherOrganism],
];

/** The study with this id, in either case. @throws RangeError that lists the ids there are */
export function studyById(id: string): Study {
	const study = STUDIES.find((candidate) => candidate.id === id.toUpperCase());
	if (!study) throw new RangeError(`There is no study '${id}'. There are: ${STUDIES.map((known) => known.id).join(', ')}.`);
	return study;
}
