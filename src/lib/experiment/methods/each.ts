/** What each method does. They are told of by their ids in index.ts. */
export { sft } from './sft';
export { emergentAlignment as 'emergent-alignment' } from './emergentAlignment';
export { alternativesOnly as 'alternatives-only' } from './alternativesOnly';
export { inoculation } from './inoculation';
export { randomLabels as 'random-labels' } from './randomLabels';
export { shuffledVerdicts as 'shuffled-verdicts' } from './shuffledVerdicts';
export { caiSft as 'cai-sft' } from './caiSft';
export { caiDpo as 'cai-dpo' } from './caiDpo';
export { confession } from './confession';
export { benign } from './benign';
export { secureControl as 'secure-control' } from './secureControl';
export { earlyStopping as 'early-stopping' } from './earlyStopping';
export { kl } from './kl';
export { repeLorra as 'repe-lorra' } from './repeLorra';
export { repePrevent as 'repe-prevent' } from './repePrevent';
export { repeInfer as 'repe-infer' } from './repeInfer';
