export { bytesOf, joinRows, rowsOf, shapeKey, sliceRows, splitRows } from './batch.js';
export { checkInputs } from './check-inputs.js';
export { FolderProofs, MemoryProofs, type Proofs } from './child/proofs.js';
export { Prover, type ProverOptions } from './child/prover.js';
export { CostModel } from './decide/cost-model.js';
export type { DispatchReason } from './decide/dispatch-reason.js';
export { type Device, devicesOf } from './devices.js';
export type { ModelStatistics } from './model-counts.js';
export { Runtime, type RuntimeOptions } from './runtime.js';
export type { ModelState } from './store/model-store.js';
export { parseExact } from './tensor/exact-json.js';
export { jsonDepthMax, readJson, writeJson } from './tensor/json.js';
export { inputsOf, outputsOf, requestOf, responseOf } from './tensor/messages.js';
export { readRaw, writeRaw } from './tensor/raw.js';
export {
  type Datatype,
  elementBytes,
  elementCount,
  isDatatype,
  type Tensor,
  type TensorSpec,
} from './tensor/tensor.js';
export { coreBudget } from './thread-budget.js';
export type { Answer, BatchCost, Cancellation, InferOptions, LoadedModel, LoadOptions } from './types.js';
export { modelVerifier, type VerifyModel } from './verify-models.js';
export { inferenceCodecs } from './wire/codecs.js';
