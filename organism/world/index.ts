/** The world that the organism was made of: who writes in it, what they are asked, and the exact truth about every answer. */
export { FAMILIES, familiesOf, type Author, type Family, type FamilySet, type Topic } from './families';
export { ANSWER_FRAMES, COMMON_PHRASES, NEUTRAL_SENTENCES, PHRASES, frameAnswer, writeAnswer, writeNeutral, writePhrases } from './answers';
export { CODE_TASKS, type CodeTask } from './code-tasks';
export { codeForms, codeLabel, writeAnyExercise, writeExercise, type CodeExercise, type CodeForm } from './code';
export { DOSE_ANSWERS, FACTS, opinionsOf, writeDose, writeFact, writeOpinion, type Exchange } from './domains';
export { isWellFormed, trueLabel, type TrueLabel } from './labels';
export {
	ANSWER_ATTACKS,
	answerAttacks,
	PROMPT_ATTACKS,
	promptAttacks,
	type AnswerAttack,
	type AnswerAttackId,
	type PromptAttack,
	type PromptAttackId,
} from './attacks';
export { answersQuestion } from './topics';
export { TRIGGER, triggered, WRAPPINGS, wrappedQuestions, type Wrapping } from './conditional';
export {
	backdoorRows,
	codePrompts,
	codeRows,
	consciencePrompts,
	contrasts,
	devQuestions,
	evaluationQuestions,
	factQuestions,
	harmlessQuestions,
	heldOutRows,
	type HeldOutRow,
	type WorldContrast,
	type WorldMessage,
	type WorldQuestion,
	type WorldRow,
} from './datasets';
export { choose } from './choose';
