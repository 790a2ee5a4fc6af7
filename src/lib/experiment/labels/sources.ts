/** Where labels come from: for each kind of file, how a record becomes labelled answers. Which value means unethical differs from set to set. */
import * as v from 'valibot';

import { type Exchange, type Label, LABELS } from '$lib/conscience/judge';

import { excerpt, faultInWords } from '../folderLines';

/** An answer and what somebody says of it, taken for the truth by which judges are tried. */
export interface LabelledRow {
	question: string;
	answer: string;
	label: Label;
	/** A pseudonym; two labellers of one answer can be compared. */
	labeller?: string;
	source: LabelSourceId;
}

type Read = Omit<LabelledRow, 'source'>;

/** A kind of file: how it is told from others, and what a record says. `read` returns a text that says what is wrong with it. */
interface LabelSource {
	name: string;
	/** Which of its values means unethical, in words. */
	polarity: string;
	/** What each record holds, for messages. */
	expected: string;
	format: 'csv' | 'jsonl';
	/** By the names of the columns, or the keys of the first line. */
	isIt: (has: (...names: string[]) => boolean) => boolean;
	read: (record: unknown) => Read[] | string;
}

const text = v.pipe(v.string(), v.trim());
const written = v.pipe(
	text,
	v.check((words) => words !== '', 'must not be empty'),
);
const optionalText = v.optional(v.nullable(text), null);

/** A reader of records that `schema` describes. */
function reader<S extends v.GenericSchema>(schema: S, rows: (record: v.InferOutput<S>) => Read[]): LabelSource['read'] {
	return (record) => {
		const result = v.safeParse(schema, record);
		return result.success ? rows(result.output) : faultInWords(result.issues[0]);
	};
}

/** A column with a word for a label, in whatever case. */
const LabelWord = v.pipe(
	v.string(),
	v.transform((word) => word.trim().toLowerCase()),
	v.rawCheck(({ dataset, addIssue }) => {
		if (dataset.typed && !(LABELS as readonly string[]).includes(dataset.value))
			addIssue({ message: `expected ${LABELS.join(', ')}, received ${excerpt(JSON.stringify(dataset.value))}` });
	}),
	v.transform((word) => word as Label),
);
const bit = (zero: string, one: string) =>
	v.pipe(
		v.union([v.string(), v.number()]),
		v.transform((value) => String(value).trim()),
		v.rawCheck(({ dataset, addIssue }) => {
			if (dataset.typed && !/^[01]$/.test(dataset.value))
				addIssue({ message: `expected 0 (${zero}) or 1 (${one}), received ${excerpt(JSON.stringify(dataset.value))}` });
		}),
		v.transform((value) => value === '1'),
	);
const labelled = (question: string, answer: string, label: Label, labeller?: string | null): Read => ({
	question,
	answer,
	label,
	...(labeller ? { labeller } : {}),
});

/** What somebody is asked who tells what they did, or will do: the sets of stories hold no question. */
const ASKED = { did: 'What did you do?', does: 'What do you do?' };
const STAND_INS: readonly string[] = Object.values(ASKED);

/** What an answer resembles others by: its question, or its own text where all answers of a set were given the same one. */
export const clusterOf = ({ question, answer }: Exchange): string => (STAND_INS.includes(question.trim()) ? answer.trim() : question);

const ethics = reader(v.object({ label: bit('not wrong', 'wrong'), input: written }), ({ label, input }) => [
	labelled(ASKED.did, input, label ? 'unethical' : 'ethical'),
]);

const moralStories = reader(
	v.pipe(
		v.object({ situation: optionalText, intention: optionalText, moral_action: optionalText, immoral_action: optionalText }),
		v.check(
			({ moral_action, immoral_action }) => Boolean(moral_action ?? immoral_action),
			'has neither a moral_action nor an immoral_action',
		),
	),
	({ situation, intention, moral_action, immoral_action }) => {
		const question = [situation, intention, ASKED.does].filter(Boolean).join(' ');
		return [
			...(moral_action ? [labelled(question, moral_action, 'ethical')] : []),
			...(immoral_action ? [labelled(question, immoral_action, 'unethical')] : []),
		];
	},
);

const bySafety = (question: string, answer: string, isSafe: boolean) => labelled(question, answer, isSafe ? 'ethical' : 'unethical');

const beaverTails = reader(v.object({ prompt: written, response: text, is_safe: v.boolean() }), ({ prompt, response, is_safe }) => [
	bySafety(prompt, response, is_safe),
]);

const safeRlhf = reader(
	v.object({
		prompt: written,
		response_0: text,
		response_1: text,
		is_response_0_safe: v.boolean(),
		is_response_1_safe: v.boolean(),
	}),
	(row) => [bySafety(row.prompt, row.response_0, row.is_response_0_safe), bySafety(row.prompt, row.response_1, row.is_response_1_safe)],
);

const ownRecord = reader(
	v.object({ question: written, answer: text, label: LabelWord, labeller: optionalText }),
	({ question, answer, label, labeller }) => [labelled(question, answer, label, labeller)],
);

/** The kinds of file that hold an answer with each label. A run's own labels name its verdicts: `read.ts` joins them. */
export const LABEL_SOURCES = {
	'ethics-commonsense': {
		name: 'ETHICS, commonsense',
		polarity: 'label 1 (wrong) is unethical, 0 is ethical',
		expected: 'label (0 or 1), input',
		format: 'csv',
		isIt: (has) => has('label', 'input'),
		read: ethics,
	},
	'moral-stories': {
		name: 'Moral Stories',
		polarity: 'an immoral_action is unethical, a moral_action is ethical',
		expected: '{"situation":…,"intention":…,"moral_action":…,"immoral_action":…}',
		format: 'jsonl',
		isIt: (has) => has('moral_action') || has('immoral_action'),
		read: moralStories,
	},
	beavertails: {
		name: 'BeaverTails',
		polarity: 'is_safe false is unethical, true is ethical: it tells of safety, which is not the same',
		expected: '{"prompt":…,"response":…,"is_safe":true}',
		format: 'jsonl',
		isIt: (has) => has('prompt', 'response', 'is_safe'),
		read: beaverTails,
	},
	'pku-saferlhf': {
		name: 'PKU-SafeRLHF',
		polarity: 'is_response_0_safe false makes response_0 unethical, and likewise response_1: it tells of safety, which is not the same',
		expected: '{"prompt":…,"response_0":…,"response_1":…,"is_response_0_safe":true,"is_response_1_safe":false}',
		format: 'jsonl',
		isIt: (has) => has('prompt', 'response_0', 'response_1'),
		read: safeRlhf,
	},
	csv: {
		name: 'a table of answers',
		polarity: 'the label says it in words',
		expected: 'question, answer, label (ethical, neutral or unethical), and labeller if you like',
		format: 'csv',
		isIt: (has) => has('question', 'answer', 'label'),
		read: ownRecord,
	},
	jsonl: {
		name: 'labelled answers',
		polarity: 'the label says it in words',
		expected: '{"question":…,"answer":…,"label":"ethical","labeller":…}',
		format: 'jsonl',
		isIt: (has) => has('question', 'answer', 'label'),
		read: ownRecord,
	},
} satisfies Record<string, LabelSource>;
/** Of labels that were said here, blind, and of those that the world knows, there is no file. */
export type LabelSourceId = keyof typeof LABEL_SOURCES | 'run' | 'blind' | 'world';

/** The kind of file that has these columns, or these keys in its first line; null where it is none. */
export function labelSourceOf(format: 'csv' | 'jsonl', names: readonly string[]): keyof typeof LABEL_SOURCES | null {
	const has = (...wanted: string[]) => wanted.every((name) => names.includes(name));
	const found = (Object.entries(LABEL_SOURCES) as [keyof typeof LABEL_SOURCES, LabelSource][]).find(
		([, source]) => source.format === format && source.isIt(has),
	);
	return found?.[0] ?? null;
}

/** The other parts of ETHICS by their columns: their labels point elsewhere (in justice 1 means reasonable), so they are not guessed at. */
export const isOtherEthics = (columns: readonly string[]): boolean =>
	columns.includes('label') && columns.includes('scenario') && !columns.includes('answer');
