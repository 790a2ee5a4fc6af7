/**
 * The lab's kernels for tfjs's wasm backend: one module on the memory of tfjs's own, called with addresses in it.
 * It has no memory, heap or data of its own. `npm run kernels:wasm` builds it.
 */
export { moment, norm, update } from './adamW';
export { attention, attentionGradient } from './attention';
export { cacheAttention } from './cacheAttention';
export { decodeBlock } from './decodeBlock';
export { drawTokens } from './drawTokens';
export { pickedLogSoftmax, pickedLogSoftmaxGradient } from './logSoftmax';
export { product } from './product';
export { rmsNorm, rmsNormGradient, rotateHeads, swiglu, swigluGradient } from './rows';
