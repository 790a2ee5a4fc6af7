import { areLive } from '$lib/experiment/live';
import { LONG_FRAMEWORKS } from '$lib/conscience/longFrameworks';
import { DEFAULT_FRAMEWORKS, type Experiment } from '$lib/experiment/schema';

/** The cards of the experiment; each holds the fields that name it. */
export type CardId = 'conscience' | 'training' | 'data' | 'model' | 'evaluation' | 'copies';

interface Described {
	/** Where the field is in an experiment, as in a link. */
	path: string;
	card: CardId;
	/** With the field's own name: λ, β, rank. */
	label: string;
	/** What it does. */
	does: string;
	/** What happens when it is turned. */
	turned: string;
	/** Seen without opening the card. */
	essential?: true;
	/** Where the field means something; everywhere without it. */
	when?: (experiment: Experiment) => boolean;
}

export interface NumberField extends Described {
	kind: 'number';
	min: number;
	max: number;
	whole: boolean;
	/** What is counted: 'steps', 'tokens'. */
	unit?: string;
	/** The places of a slider, for a field that has one. */
	stops?: readonly number[];
	/** Values that a word says better: 0 is 'off'. */
	words?: Readonly<Record<number, string>>;
	decimals?: (value: number) => number;
	/** Why a value in the range doesn't go with the other fields; null if it does. */
	clash?: (value: number, experiment: Experiment) => string | null;
}

export interface ChoiceField extends Described {
	kind: 'choice';
	options: readonly { value: unknown; label: string }[];
	/** Sets fields that go with the choice; without it the choice alone is set. */
	put?: (experiment: Experiment, value: unknown, preset: Experiment) => void;
}

export interface SwitchField extends Described {
	kind: 'switch';
}

/** Some of a list of names, at least one. */
export interface SetField extends Described {
	kind: 'set';
	options: readonly { value: string; label: string; does?: string }[];
}

export interface TextField extends Described {
	kind: 'text';
	max: number;
	/** Values to choose from, beside one of the reader's own. */
	offers?: readonly { value: string; label: string }[];
	/** Names the reader's own. */
	other?: string;
}

/** The model that WebLLM judges with: the base, one of WebLLM's list, or a folder's address. */
export interface JudgeModelField extends Described {
	kind: 'judge-model';
}

/** The frameworks have an editor of their own. */
export interface FrameworksField extends Described {
	kind: 'frameworks';
}

/** A file of the reader's own, named by its SHA-256, is given beside the fields. */
export interface FileField extends Described {
	kind: 'file';
}

export type Field = NumberField | ChoiceField | SwitchField | SetField | TextField | JudgeModelField | FrameworksField | FileField;

/** A field that lies on no card yet. */
export type Undealt<F> = F extends Field ? Omit<F, 'card'> : never;

/** Puts fields on a card; `when` is the condition that all of them share. */
export function onCard(card: CardId, fields: readonly Undealt<Field>[], when: (experiment: Experiment) => boolean = () => true): Field[] {
	return fields.map((field) => ({ ...field, card, when: (experiment) => when(experiment) && (field.when?.(experiment) ?? true) }));
}

/** The value at a path such as `conscience.lambda`; undefined where this experiment has none. */
export function valueAt(experiment: Experiment, path: string): unknown {
	return path.split('.').reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], experiment);
}

/** Sets a field of `experiment`, with what goes with it. */
export function put(experiment: Experiment, field: Field, value: unknown, preset: Experiment): void {
	if (field.kind === 'choice' && field.put) return field.put(experiment, value, preset);
	const keys = field.path.split('.');
	const last = keys.pop()!;
	(valueAtKeys(experiment, keys) as Record<string, unknown>)[last] = structuredClone(value);
}

const valueAtKeys = (experiment: Experiment, keys: readonly string[]): unknown =>
	keys.length === 0 ? experiment : valueAt(experiment, keys.join('.'));

export const isLive = ({ path }: Field): boolean => areLive([{ path, from: null, to: null }]);

export const applies = (field: Field, experiment: Experiment): boolean => !field.when || field.when(experiment);

/** Equal values; the order of names in a list says nothing. */
export function same(a: unknown, b: unknown): boolean {
	const comparable = (value: unknown) =>
		JSON.stringify(Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.toSorted() : value);
	return comparable(a) === comparable(b);
}

/** True where the experiment departs from its preset; a field that the preset lacks came with another that did. */
export function isChanged(field: Field, experiment: Experiment, preset: Experiment): boolean {
	const [now, was] = [valueAt(experiment, field.path), valueAt(preset, field.path)];
	return applies(field, experiment) && was !== undefined && !same(now, was);
}

/** A field's value as a student reads it. */
export function inWords(field: Field, value: unknown): string {
	if (value === undefined) return '–';
	switch (field.kind) {
		case 'number':
			return numberInWords(field, value as number);
		case 'choice':
			return field.options.find((option) => same(option.value, value))?.label ?? JSON.stringify(value);
		case 'switch':
			return value ? 'on' : 'off';
		case 'set':
			return (value as string[]).length === field.options.length
				? `all ${field.options.length}`
				: field.options.flatMap(({ value: one, label }) => ((value as string[]).includes(one) ? [label] : [])).join(', ');
		case 'text':
			return field.offers?.find((offer) => offer.value === value)?.label ?? (value as string);
		case 'judge-model':
			return value === 'base' ? 'the model itself' : (value as string);
		case 'file':
			return value === '' ? 'none yet' : `fingerprint ${(value as string).slice(0, 8)}`;
		case 'frameworks':
			return (value as Experiment['conscience']['frameworks'])
				.map((framework) => `${framework.title}${standingOf(framework) === 'edited' ? ' (edited)' : ''}`)
				.join('; ');
	}
}

function numberInWords({ words, decimals, unit }: NumberField, value: number): string {
	const said = words?.[value];
	if (said) return said;
	const digits = decimals ? value.toFixed(decimals(value)) : String(value);
	return unit ? `${digits} ${unit}` : digits;
}

/** '1 to 256', as a sentence goes on. */
export function rangeInWords({ min, max, unit }: NumberField): string {
	return `${number(min)} to ${number(max)}${unit ? ` ${unit}` : ''}`;
}

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 6 }).replace(/,/g, '\u202f');

/** What somebody typed into a number's box: its value, or why it is refused. */
export function readNumber(field: NumberField, typed: string, experiment: Experiment): { value: number } | { refusal: string } {
	const digits = typed.trim().replace(',', '.').replace('−', '-');
	const value = Number(digits);
	const takes = `${field.label} takes ${field.whole ? 'a whole number' : 'a number'} from ${rangeInWords(field)}.`;
	if (digits === '' || !Number.isFinite(value))
		return { refusal: `${digits === '' ? 'Nothing' : `“${typed.trim()}”`} is no number. ${takes}` };
	if (field.whole && !Number.isInteger(value)) return { refusal: `${typed.trim()} is no whole number. ${takes}` };
	if (value < field.min || value > field.max) return { refusal: `${typed.trim()} is out of range. ${takes}` };
	const clash = field.clash?.(value, experiment);
	return clash ? { refusal: clash } : { value };
}

type Framework = Experiment['conscience']['frameworks'][number];

/** The lab's own framework of this name; null where it has none. */
export const ownFramework = (id: string): Framework | null =>
	[...DEFAULT_FRAMEWORKS, ...LONG_FRAMEWORKS].find((framework) => framework.id === id) ?? null;

/** Whether a framework is one of the lab's, as it was or edited, or the reader's own. */
export function standingOf(framework: Framework): 'original' | 'edited' | 'own' {
	const original = ownFramework(framework.id);
	if (!original) return 'own';
	const parts = ['title', 'principles', 'verdictPrompt', 'alternativePrompt'] as const;
	return parts.every((part) => framework[part] === original[part]) ? 'original' : 'edited';
}
