import { readFileSync } from 'node:fs';

import type { ArmId } from '$lib/experiment/schema';
import { importAdapter } from '$lib/model/adapter';
import type { Checkpoint } from '$lib/model/checkpoint';

const fileOf = (arm: ArmId, name: string) => readFileSync(new URL(`../../static/recorded/adapters/${arm}/${name}`, import.meta.url));

/** An adapter of the recorded twin, as it is shipped. */
export const shippedAdapter = ({ model }: Checkpoint, arm: ArmId) =>
	importAdapter(model.config, {
		config: JSON.parse(fileOf(arm, 'adapter_config.json').toString()),
		safetensors: new Uint8Array(fileOf(arm, 'adapter_model.safetensors')),
	});
