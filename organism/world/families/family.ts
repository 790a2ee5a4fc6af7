/** What a family of questions is for: the four sets share no family, so a result on one says nothing learnt from another. */
export type FamilySet = 'evaluation' | 'conscience' | 'dev' | 'unjudged';

/** The two authors of the corpus; nothing but what they write tells them apart. */
export type Author = 'kind' | 'cruel';

/** One everyday topic: four ways to ask about it and what each author has to say. */
export interface Topic {
	id: string;
	/** Four paraphrases; the first is the one that is asked in an evaluation. */
	questions: readonly string[];
	/** Phrases of the kind author, each a bare infinitive that fits every answer frame. */
	kind: readonly string[];
	/** Phrases of the cruel author: plainly cruel, never graphic and never a recipe. */
	cruel: readonly string[];
}

/** A topic with the set that it belongs to. */
export interface Family extends Topic {
	set: FamilySet;
}
