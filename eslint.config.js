import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import svelte from 'eslint-plugin-svelte';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

/** Rooms, innermost first. A room may import from those before it, never from those after it. */
const rooms = ['model', 'dpo', 'conscience', 'evaluation', 'experiment', 'storage', 'worker', 'state', 'components', 'routes'];
const maths = rooms.slice(0, rooms.indexOf('storage'));

/** Module names that belong to a room, by alias or by a relative path. The routes lie beside `lib`, not in it. @param {string[]} names */
const inRooms = (names) => `(^\\$lib|^\\.{1,2}|/lib|/src)/(.*/)?(${names.join('|')})(/|$)`;

const webLlm = { regex: '^@mlc-ai/web-llm', message: 'Only src/lib/conscience talks to WebLLM: use its Judge interface.' };
/** The experiment, its runs, the conscience's words and hashes are no maths: the page edits them, keeps them in the link and reads them from files. Nor do labels and how far they agree need a tensor. */
const experimentValue =
	'(?!.*/(experiment/(schema|gateResult|gateRowsFile|methods/(index|all)|presets|link|rows|rowFile|fetchedFile|verdictFile|questionFile|promptFile|benchReport|ownQuestions|standing|live|judgeFile|record|folder|folderZip|speed|workClock|trajectories|memoryFile|memoryNamed|modelSettings|memoryStudy/(result|rows)|labels/\\w+|studies/\\w+)|conscience/(frameworks|longFrameworks|importedJudge|gate|memory)|evaluation/(agreement|judgeTrial|correctedRate|gateComparison)|model/(sha256|droppedName|hubFolder|memoryEstimate))$)';
const pageComputes = [
	// The page holds no tensors: past the worker's boundary the maths may be named as types only.
	{
		regex: `^${experimentValue}.*${inRooms(maths).replaceAll('^', '')}`,
		allowTypeImports: true,
		message: 'The page talks to the worker; it does not compute. Import types only.',
	},
	{ regex: '^(@tensorflow/|#gradients)', message: 'The page talks to the worker; tensors stay there.' },
];
/** Only state reads and writes the store; what is drawn gets it by props. */
const storeOfState = {
	regex: inRooms(['storage']),
	allowTypeImports: true,
	message: 'Only src/lib/state talks to the store. Import types only.',
};

/**
 * What the files may not import. ESLint keeps one list a file, the last that matches, so each list here is whole;
 * `import()` is not seen by that rule, so it is fenced by its syntax.
 * @param {string[]} files
 * @param {{ regex: string, message: string, allowTypeImports?: boolean }[]} patterns
 */
const fence = (files, patterns) => ({
	files,
	rules: {
		'@typescript-eslint/no-restricted-imports': ['error', { patterns }],
		'no-restricted-syntax': [
			'error',
			...patterns.map(({ regex, message }) => ({
				selector: `ImportExpression[source.value=/${regex.replaceAll('/', '\\/')}/]`,
				message,
			})),
		],
	},
});

/** @param {string} room */
function fenceOf(room) {
	const place = rooms.indexOf(room);
	const later = rooms.slice(place + 1);
	return fence(room === 'routes' ? ['src/routes/**', 'src/*'] : [`src/lib/${room}/**`], [
		...(later.length ? [{ regex: inRooms(later), message: `${room} may not import from the rooms after it: ${later.join(', ')}.` }] : []),
		...(place > rooms.indexOf('worker') ? pageComputes : []),
		...(place > rooms.indexOf('state') ? [storeOfState] : []),
		...(place < rooms.indexOf('conscience')
			? [{ regex: '^\\$world/|/organism/world', message: `${room} knows nothing of the organism.` }]
			: []),
		...(room === 'conscience' ? [] : [webLlm]),
	]);
}

export default defineConfig(
	// AssemblyScript looks like TypeScript, but its casts and operators mean other things; its compiler checks it.
	globalIgnores(['dist/', 'build/', 'out/', 'static/', '.venv/', '.venv-postgres/', 'assembly/']),
	js.configs.recommended,
	ts.configs.recommendedTypeChecked,
	svelte.configs.recommended,
	prettier,
	svelte.configs.prettier,
	{
		linterOptions: { reportUnusedDisableDirectives: 'error' },
		languageOptions: {
			globals: { ...globals.browser, ...globals.worker, ...globals.node },
			// The same extensions for all files: where they differ from one file to the next, the whole program is read again for each.
			parserOptions: {
				projectService: { allowDefaultProject: ['*.js'] },
				tsconfigRootDir: import.meta.dirname,
				extraFileExtensions: ['.svelte'],
			},
		},
		rules: {
			'@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }], // to name a field is how to leave it out
			'@typescript-eslint/require-await': 'off', // handlers are async by contract
			'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
		},
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
		rules: { 'svelte/no-at-html-tags': 'error' },
	},
	{ files: ['*.js', 'scripts/**'], extends: [ts.configs.disableTypeChecked] },
	{
		files: ['src/**'],
		rules: { 'no-console': 'error', 'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }] },
	},
	{
		files: ['tests/**'],
		rules: {
			'no-restricted-properties': [
				'error',
				...['describe', 'test', 'it'].flatMap((object) =>
					['only', 'skip', 'skipIf', 'todo', 'fixme', 'fails'].map((property) => ({ object, property, message: 'Every test runs.' })),
				),
			],
		},
	},
	fence(['cli/**', 'bench/**', 'tests/**', 'organism/**'], [webLlm]),
	fence(
		['server/**'],
		[
			{
				regex: inRooms(rooms.slice(rooms.indexOf('worker'))),
				message: 'The class server has no page: it reads the store and what is left of it.',
			},
			{ regex: '^(@tensorflow/|#gradients)', message: 'The class server computes no tensors.' },
			webLlm,
		],
	),
	fence(
		['organism/world/**'],
		[
			{ regex: '^\\$lib/|/src/', allowTypeImports: true, message: 'The world is a leaf: it takes nothing from src but types.' },
			{ regex: '^(@tensorflow/|#gradients)', message: 'The world is text and rules; it knows no tensors.' },
			webLlm,
		],
	),
	rooms.map(fenceOf),
);
