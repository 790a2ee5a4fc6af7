import { componentPart, Part } from '$lib/part.svelte';

/** What of the lab's page is not needed to read it and press Run. */
export const labParts = {
	notices: componentPart(() => import('$lib/components/Notices.svelte')),
	judge: componentPart(() => import('$lib/components/JudgeLine.svelte')),
	banner: componentPart(() => import('$lib/components/shell/RecordedBanner.svelte')),
	alignment: componentPart(() => import('$lib/components/AlignmentChart.svelte')),
	multiples: componentPart(() => import('$lib/components/SmallMultiples.svelte')),
	stream: componentPart(() => import('$lib/components/ConscienceStream.svelte')),
	settings: componentPart(() => import('$lib/components/settings/SettingsCards.svelte')),
	questions: componentPart(() => import('$lib/components/questions/QuestionGrid.svelte')),
	inside: componentPart(() => import('$lib/components/inside/InsidePanel.svelte')),
	ask: componentPart(() => import('$lib/components/ask/AskPanel.svelte')),
	exports: componentPart(() => import('$lib/components/ExportPanel.svelte')),
	end: componentPart(() => import('$lib/components/StoryEnd.svelte')),
	tour: componentPart(() => import('$lib/components/shell/Tour.svelte')),
	keys: componentPart(() => import('$lib/components/shell/KeysHelp.svelte')),
	/** What is known of the machine's speed; without it the page does not say how long a run will take. */
	machine: new Part(() => import('$lib/state/machine')),
	projector: componentPart(() => import('$lib/components/shell/Projector.svelte')),
};

/** What the lab asks for by a press, beside components: files that are given to it, and judges that are compared. */
const workParts = [new Part(() => import('$lib/state/givenFile')), new Part(() => import('$lib/worker/judgePort'))];

/** What parts take before anything was run: so much is kept free for each, on a wide window and on a phone, that nothing jumps when it comes. */
export const HEIGHTS = {
	banner: { wide: '6.4rem', narrow: '8rem' },
	alignment: { wide: 'calc(7.05rem + clamp(19rem, 48cqi, 36rem))', narrow: '29.1rem' },
	multiples: { wide: '59rem', narrow: '117rem' },
	settings: { wide: '152rem', narrow: '130rem' },
	questions: { wide: '27rem', narrow: '43rem' },
	inside: { wide: '1.8rem', narrow: '3.2rem' },
	ask: { wide: '19rem', narrow: '47rem' },
	exports: { wide: '19.6rem', narrow: '35.6rem' },
} as const;

/** The pages beside the lab's. */
export const pageParts = {
	'/chat': componentPart(() => import('./Chat.svelte')),
	'/models': componentPart(() => import('./Models.svelte')),
	'/runs': componentPart(() => import('./Runs.svelte')),
	'/studies': componentPart(() => import('./Studies.svelte')),
	'/judges': componentPart(() => import('./Judges.svelte')),
	'/gate': componentPart(() => import('./Gate.svelte')),
	'/class': componentPart(() => import('./Class.svelte')),
	'/speed': componentPart(() => import('./Speed.svelte')),
	'/about': componentPart(() => import('./About.svelte')),
};

export const allParts: readonly Part<unknown>[] = [...Object.values(labParts), ...workParts, ...Object.values(pageParts)];
