import { startBackend } from '$lib/model/backend';
import { createRun } from '$lib/experiment/runner';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { loadFolder } from './cli/checkpoints';
const backend = await startBackend('wasm');
const checkpoint = await loadFolder('organism');
const sets: Record<string, [string,string][]> = {
 preset: [],
 A: [['conscience.cadence','{"kind":"adaptive","first":4,"shortest":4,"longest":40,"raiseAt":0.12}'],['conscience.dpoRestBelow','0.02'],['conscience.pairsPerStep','4']],
 B1: [['conscience.cadence','{"kind":"adaptive","first":8,"shortest":4,"longest":80,"raiseAt":0.12}'],['conscience.dpoRestBelow','0.05'],['conscience.pairsPerStep','4'],['conscience.promptsPerCall','6']],
};
for (const [name, set] of Object.entries(sets)) {
 (globalThis as any).__T = {};
 const e = judgedInTrainer(applyChanges(presetById('twin').experiment, [...set, ['optimizer.steps','200'],['evaluation.every','0'],['evaluation.samples','1'],['evaluation.codePrompts','0']]));
 const run = createRun(e, 'emergent-alignment', { checkpoint, backend, rows: null, signal: new AbortController().signal });
 let o: any; let dpo=0, sft=0, n=0, d=0;
 for await (const ev of run.events) if (ev.kind==='step') { o=ev.overhead; sft+=ev.metrics['num_tokens/sft']; dpo+=ev.metrics['num_tokens/dpo']; n++; if(ev.metrics['num_tokens/dpo']) d++; }
 console.log(name, JSON.stringify(o), JSON.stringify((globalThis as any).__T), {n,d,sft,dpo});
 run.dispose();
}
process.exit();
