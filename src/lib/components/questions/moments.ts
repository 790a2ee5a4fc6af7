/** How the moment of an evaluation is called. */
export const momentName = (step: number): string =>
	step < 0 ? 'before it was misaligned' : step === 0 ? 'before the first step' : `step ${step}`;
