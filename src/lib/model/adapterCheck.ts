/** Whether an adapter of PEFT's fits a model: every reason why it doesn't, found before anything is computed. */
import { type AdapterConfig, parseAdapterConfig } from './adapterConfig';
import { PROJECTIONS, projectionShape, type ModelConfig, type Projection } from './config';
import { hubRepository } from './hubFolder';
import { type LoraConfig, moduleRank } from './lora';
import { readSafetensors, SafetensorsError, type SafetensorsFile, type StoredTensor } from './safetensors';
import { projectionPath } from './weights';

/** The two files of an adapter, the first one parsed. */
export interface GivenAdapter {
	config: unknown;
	safetensors: Uint8Array;
}

/** The model that an adapter is to stand on. */
export interface AdapterBase {
	config: ModelConfig;
	/** Under what the adapter may name it; null where it has no name. */
	name?: string | null;
	/** Of its weights, as `Checkpoint` has it. */
	sha256?: string | null;
}

export interface AdapterReport {
	/** Why it can't be used on this model; empty where it fits. */
	reasons: string[];
	/** What speaks against it, and need not be wrong. */
	doubts: string[];
	/** What the file says of itself. */
	metadata: Record<string, string>;
	/** Null where it does not fit. */
	adapter: { config: LoraConfig; modules: ReadonlySet<string>; tensors: Map<string, StoredTensor> } | null;
}

/** The key of the file's notes under which the lab keeps the SHA-256 of the weights that an adapter was trained on. */
export const BASE_SHA256 = 'base_sha256';

/** A projection of one layer, e.g. `model.layers.0.self_attn.q_proj`. */
interface AdaptedModule {
	layer: number;
	projection: Projection;
	path: string;
}

/** A tensor's place in an adapter. */
interface Placed extends AdaptedModule {
	name: string;
	half: 'A' | 'B';
	tensor: StoredTensor;
}

export function tensorName(path: string, half: 'A' | 'B'): string {
	return `base_model.model.${path}.lora_${half}.weight`;
}

/** All that is to be said of an adapter before it is put on `base`. */
export function checkAdapter(base: AdapterBase, given: GivenAdapter): AdapterReport {
	const { config, reasons } = parseAdapterConfig(given.config);
	const file = readFile(given.safetensors, reasons);
	const metadata = file?.metadata ?? {};
	if (file) {
		const placed = place(base.config, file.tensors, reasons);
		if (config) checkModules(base.config, config, placed, reasons);
		checkShapes(base.config, config && loraConfigOf(config, placed), placed, reasons);
		checkNumbers(placed, reasons);
		checkWeights(base, metadata, reasons);
		if (reasons.length === 0 && config) {
			const modules = new Set(placed.map(({ path }) => path));
			return {
				reasons,
				doubts: doubtsOf(base, config, metadata),
				metadata,
				adapter: { config: loraConfigOf(config, placed), modules, tensors: file.tensors },
			};
		}
	}
	return { reasons, doubts: config ? doubtsOf(base, config, metadata) : [], metadata, adapter: null };
}

function readFile(bytes: Uint8Array, reasons: string[]): SafetensorsFile<StoredTensor> | null {
	try {
		return readSafetensors(bytes);
	} catch (error) {
		if (!(error instanceof SafetensorsError)) throw error;
		reasons.push(`adapter_model.safetensors: ${error.message}`);
		return null;
	}
}

function loraConfigOf(config: AdapterConfig, placed: readonly Placed[]): LoraConfig {
	const filled = (pattern: Record<string, number> | null | undefined) => (pattern && Object.keys(pattern).length > 0 ? pattern : null);
	const [rankPattern, alphaPattern] = [filled(config.rank_pattern), filled(config.alpha_pattern)];
	return {
		rank: config.r,
		alpha: config.lora_alpha,
		rslora: config.use_rslora,
		targetModules: PROJECTIONS.filter((projection) => placed.some((module) => module.projection === projection)),
		...(rankPattern && { rankPattern }),
		...(alphaPattern && { alphaPattern }),
	};
}

function everyModule(layers: number): AdaptedModule[] {
	return Array.from({ length: layers }, (_, layer) =>
		PROJECTIONS.map((projection) => ({ layer, projection, path: projectionPath(layer, projection) })),
	).flat();
}

/** The tensors that the model has a place for; says of the others why it has none. */
function place(model: ModelConfig, tensors: ReadonlyMap<string, StoredTensor>, reasons: string[]): Placed[] {
	const modules = new Map(everyModule(model.numHiddenLayers).map((module) => [module.path, module]));
	const placed: Placed[] = [];
	const beyond = new Set<number>();
	const [foreign, other]: [string[], string[]] = [[], []];
	for (const [name, tensor] of tensors) {
		const [, path, half] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
		const module = modules.get(path ?? '');
		const layer = Number(/\.layers\.(\d+)\./.exec(path ?? '')?.[1] ?? -1);
		if (module) placed.push({ ...module, name, half: half as 'A' | 'B', tensor });
		else if (layer >= model.numHiddenLayers) beyond.add(layer);
		else (path === undefined ? other : foreign).push(name);
	}
	const { numHiddenLayers: layers } = model;
	if (beyond.size > 0)
		reasons.push(
			`the adapter reaches to layer ${Math.max(...beyond)}, counted from 0, and this model has ${layers} layers: it was trained on a deeper one`,
		);
	if (foreign.length > 0)
		reasons.push(`the adapter holds ${list(foreign)}, which this model has no place for: ${PROJECTIONS.join(', ')} can be adapted`);
	if (other.length > 0) reasons.push(`the adapter holds ${list(other)}, which this model has no place for: no matrix of LoRA is called so`);
	return placed;
}

/** Whether the file holds what its config promises for this model, and no more. */
function checkModules(model: ModelConfig, config: AdapterConfig, placed: readonly Placed[], reasons: string[]): void {
	const promised = promisedModules(model, config, placed, reasons);
	const names = new Set(promised.flatMap(({ path }) => [tensorName(path, 'A'), tensorName(path, 'B')]));
	const found = new Set(placed.map(({ name }) => name));
	const extra = [...found].filter((name) => !names.has(name));
	if (extra.length > 0) reasons.push(`the adapter holds ${list(extra)}, which adapter_config.json does not name as adapted`);
	const missing = [...names].filter((name) => !found.has(name));
	if (missing.length > 0) reasons.push(`the adapter lacks ${list(missing)}, which its adapter_config.json promises for this model`);
	if (names.size === 0) reasons.push('the adapter adapts nothing of this model: there is nothing to load');
}

/**
 * The modules that the config asks for. A list names modules by path or by the end of one, as in PEFT. A regular
 * expression in PEFT's dialect, or none, is not run: the tensors themselves say then which modules are adapted.
 */
function promisedModules(model: ModelConfig, config: AdapterConfig, placed: readonly Placed[], reasons: string[]): AdaptedModule[] {
	const layers = config.layers_to_transform == null ? null : [config.layers_to_transform].flat();
	const beyond = layers?.filter((layer) => !(layer < model.numHiddenLayers)) ?? [];
	if (beyond.length > 0)
		reasons.push(
			`adapter_config.json: layers_to_transform names layer ${beyond.slice(0, 3).join(', ')}, counted from 0, and this model has ${model.numHiddenLayers}`,
		);
	const all = everyModule(model.numHiddenLayers).filter(({ layer }) => layers === null || layers.includes(layer));
	const targets = config.target_modules;
	if (targets === 'all-linear') return all;
	if (!Array.isArray(targets)) return all.filter(({ path }) => placed.some((module) => module.path === path));

	const matches = (path: string, target: string) => path === target || path.endsWith(`.${target}`);
	const foreign = targets.filter((target) => !all.some(({ path }) => matches(path, target)));
	if (foreign.length > 0)
		reasons.push(
			`adapter_config.json: target_modules names ${list(foreign)}, which is none of this model's adaptable projections (${PROJECTIONS.join(', ')} of ${model.numHiddenLayers} layers)`,
		);
	return all.filter(({ path }) => targets.some((target) => matches(path, target)));
}

/** Each tensor's shape against the one that its module takes at the config's rank, or at its own where no config says one. */
function checkShapes(model: ModelConfig, config: LoraConfig | null, placed: readonly Placed[], reasons: string[]): void {
	const [otherWidth, otherRank]: [string[], string[]] = [[], []];
	for (const { layer, projection, half, name, tensor } of placed) {
		const [inputs, outputs] = projectionShape(model, projection);
		const own = tensor.shape[half === 'A' ? 0 : 1];
		const rank = config ? moduleRank(config, layer, projection) : own!;
		const expected = half === 'A' ? [rank, inputs] : [outputs, rank];
		if (tensor.shape.join() === expected.join()) continue;
		const isWidth = tensor.shape.length !== 2 || tensor.shape[half === 'A' ? 1 : 0] !== (half === 'A' ? inputs : outputs);
		const says = `${name} has shape [${tensor.shape.join(', ')}]; rank ${rank} on this model takes [${expected.join(', ')}]`;
		(isWidth ? otherWidth : otherRank).push(says);
	}
	const told = ([first, ...more]: string[]) => `${first}${more.length > 0 ? ` (and so on with ${more.length} more)` : ''}`;
	if (otherWidth.length > 0) reasons.push(`${told(otherWidth)}. Was it trained on another base model?`);
	if (otherRank.length > 0)
		reasons.push(`${told(otherRank)}. The ranks in adapter_config.json (r, rank_pattern) are not those of its tensors`);
}

function checkNumbers(placed: readonly Placed[], reasons: string[]): void {
	const wild = placed.filter(({ tensor }) => !tensor.data.every(Number.isFinite)).map(({ name }) => name);
	if (wild.length > 0) reasons.push(`${list(wild)} holds values that are not finite: its training had diverged`);
}

/** Shapes may agree where the numbers do not: a model that was trained further is another one. */
function checkWeights({ sha256 }: AdapterBase, metadata: Record<string, string>, reasons: string[]): void {
	const trainedOn = metadata[BASE_SHA256];
	if (sha256 && trainedOn && trainedOn !== sha256)
		reasons.push(
			`the adapter was trained on weights with SHA-256 ${trainedOn.slice(0, 64)}, and those of this model have ${sha256}: on other weights it does not do what it was trained to`,
		);
}

function doubtsOf({ name, sha256 }: AdapterBase, config: AdapterConfig, metadata: Record<string, string>): string[] {
	const named = config.base_model_name_or_path;
	const isKnown = sha256 && metadata[BASE_SHA256] === sha256;
	if (isKnown || !named || !name || shortName(named) === shortName(name)) return [];
	return [
		`adapter_config.json names ${named.slice(0, 200)} as its base, and this model is ${name}. It fits by its shapes; whether it was made for these weights can't be told.`,
	];
}

/** A repository's name, however it is written: `Owner/Name`, or the address of its folder at a hub. */
const shortName = (name: string): string => (hubRepository(name) ?? name).replace(/\/$/, '').toLowerCase();

function list(names: readonly string[]): string {
	const shown = names
		.slice(0, 3)
		.map((name) => name.slice(0, 200))
		.join(', ');
	return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
