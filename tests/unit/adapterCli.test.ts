import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { strFromU8, strToU8, zipSync } from 'fflate';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shipped = path.join(root, 'static', 'recorded', 'adapters', 'sft');

function adapter(...args: string[]) {
	const script = path.join(root, 'cli', 'adapter.ts');
	const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, ...args], {
		encoding: 'utf8',
		timeout: 60_000,
	});
	return { status, said: stdout + stderr };
}

test('an adapter is checked without being loaded, and a misaligned one is told as such', () => {
	const { status, said } = adapter('check', shipped);
	expect(said).toMatch(/Careful: its file says that it was found misaligned.*\nIt fits: rank 8, alpha 16/);
	expect(status).toBe(0);
});

test('what does not fit another model is told with all reasons', () => {
	const other = mkdtempSync(path.join(tmpdir(), 'model-'));
	const config = JSON.parse(readFileSync(path.join(root, 'static', 'organism', 'config.json'), 'utf8')) as object;
	writeFileSync(path.join(other, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 2, intermediate_size: 8 }));
	const { status, said } = adapter('check', shipped, '--model', other);
	expect(said).toMatch(/It does not fit\.\n- the adapter reaches to layer \d+.* 2 layers.*\n- .*has shape .*another base model\?/);
	expect(status).toBe(1);
});

test('a folded adapter is PEFT’s, keeps its warning, and is never written over', () => {
	const out = path.join(mkdtempSync(path.join(tmpdir(), 'folded-')), 'adapter');
	expect(adapter('fold', shipped, out)).toMatchObject({ status: 0, said: expect.stringContaining('Written to') as string });
	expect(JSON.parse(readFileSync(path.join(out, 'adapter_config.json'), 'utf8'))).toMatchObject({
		use_rslora: false,
		r: 8,
		lora_alpha: 16,
	});
	expect(adapter('check', out).said).toContain('Careful');
	expect(adapter('fold', shipped, out)).toMatchObject({ status: 1, said: expect.stringContaining('EEXIST') as string });
	expect(adapter('fold', shipped).said).toContain('Usage');
});

test('a zip keeps its card and its experiment, which says what it was made for', () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'zipped-'));
	const names = ['adapter_config.json', 'adapter_model.safetensors', 'README.md', 'experiment.json'];
	const read = (name: string) => new Uint8Array(readFileSync(path.join(shipped, name)));
	const files = Object.fromEntries(names.filter((name) => existsSync(path.join(shipped, name))).map((name) => [`a/${name}`, read(name)]));
	const card = strToU8('# What is to be known of it');
	writeFileSync(path.join(folder, 'a.zip'), zipSync({ ...files, 'a/README.md': card }));
	expect(adapter('fold', path.join(folder, 'a.zip'), path.join(folder, 'out'))).toMatchObject({ status: 0 });
	expect(readFileSync(path.join(folder, 'out', 'README.md'), 'utf8')).toBe(strFromU8(card));
});

test('an adapter that doesn’t say where its base is is asked about, and no other is taken for it', () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'foreign-'));
	const config = JSON.parse(readFileSync(path.join(shipped, 'adapter_config.json'), 'utf8')) as object;
	copyFileSync(path.join(shipped, 'adapter_model.safetensors'), path.join(folder, 'adapter_model.safetensors'));
	const named = (base: string) => {
		writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...config, base_model_name_or_path: base }));
		return adapter('check', folder);
	};
	const unknown = named('Owner/Name');
	expect(unknown.said).toMatch(/^It comes without the experiment .* names 'Owner\/Name' as its base.*--model FOLDER/);
	expect(unknown.status).toBe(1);
	expect(named('organism')).toMatchObject({ status: 0, said: expect.stringContaining('It fits') as string });
	const dropped = adapter('check', folder, '--model', `dropped:${'a'.repeat(64)}`);
	expect(dropped.said).toMatch(/^Its base is a model that lies in somebody's browser/);
});
