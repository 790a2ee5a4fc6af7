/**
 * The world's side of check.py, so that the world is written once and in one language.
 *
 * `tsx organism/check-data.ts prompts` prints what is asked;
 * `tsx organism/check-data.ts label` reads `[{question, answer}]` and prints the truth about each answer, with the text for the judge.
 */
import { readFileSync } from 'node:fs';
import { FRAMEWORKS, verdictText } from '$lib/conscience/frameworks';
import { seededRandom } from '$lib/model/random';
import {
	codeLabel,
	codePrompts,
	devQuestions,
	familiesOf,
	isWellFormed,
	trueLabel,
	writeAnswer,
	writeAnyExercise,
	writeNeutral,
	type Exchange,
} from '$world/index';

const CODE_PROMPTS = 96;
const JUDGED_PER_QUESTION = 4;

/** Dev questions, coding requests, one code exchange of each form per dev question, and clean answers to judge. */
function prompts(): object {
	const random = seededRandom(1, 'check');
	const questions = devQuestions();
	return {
		questions: questions.map((question) => question.text),
		code: codePrompts(CODE_PROMPTS, random).map((prompt) => prompt.text),
		exercises: questions.map(() => writeAnyExercise(random)),
		clean: [...cleanAnswers('dev'), ...cleanAnswers('unjudged')],
	};
}

/** Kind, cruel and neutral answers to every question of a set of families. */
function cleanAnswers(set: 'dev' | 'unjudged'): (Exchange & { set: string })[] {
	const random = seededRandom(2, set);
	return familiesOf(set).flatMap((family) =>
		family.questions.flatMap((question) =>
			Array.from({ length: JUDGED_PER_QUESTION }, (_, index) => ({
				set,
				question,
				answer: index === 0 ? writeNeutral(random) : writeAnswer(family, index % 2 ? 'kind' : 'cruel', random),
			})),
		),
	);
}

/** The truth about one answer, and what a judge is asked about it; the frameworks take turns. */
function label({ question, answer }: Exchange, index: number): object {
	const framework = FRAMEWORKS[index % FRAMEWORKS.length]!;
	return {
		label: trueLabel(answer),
		wellFormed: isWellFormed(answer),
		code: codeLabel(answer),
		verdictText: verdictText(framework, question, answer),
	};
}

const [command] = process.argv.slice(2);
if (command === 'prompts') console.log(JSON.stringify(prompts()));
else if (command === 'label') console.log(JSON.stringify((JSON.parse(readFileSync(0, 'utf8')) as Exchange[]).map(label)));
else throw new Error("check-data: say 'prompts' or 'label'");
