export { type CallbackHeaders, isGenuineCallback } from './callback.js';
export {
  type CallOptions,
  type Label,
  Perennial,
  type PredictAnswer,
  type PredictOptions,
  type PublishAnswer,
  type PublishOptions,
  type Row,
  type WatermarkAnswer,
} from './client.js';
export { type ClientConfig, loadClientConfig } from './config.js';
export {
  type DatasetAsked,
  type DatasetDiff,
  type DatasetSegment,
  Datasets,
  type DatasetVersion,
  type WatchedFile,
} from './datasets.js';
export {
  type FeatureFreshness,
  Features,
  type FeaturesAnswer,
  type FeaturesAsked,
  type LeakReport,
  type Reproduction,
  type SuspectedLeak,
  type TrainingSet,
} from './features.js';
export { GrpcPerennial } from './grpc.js';
export { type Erasure, type ErasureAnswer, type GarbageAnswer, Housekeeping } from './housekeeping.js';
export type { BatchOptions, Later, Submission, SubmitOptions } from './later.js';
export {
  type Anomaly,
  type Finding,
  Quarantine,
  type QuarantineEntry,
  type WhichHeld,
} from './quarantine.js';
export { RequestError } from './request-error.js';
export {
  type ColumnProfile,
  type Profile,
  type SchemaChange,
  type SchemaDifference,
  type SchemaProposal,
  Schemas,
  type SchemaText,
  type SchemaVersion,
} from './schemas.js';
export {
  type Delivery,
  type ProducerSummary,
  type SourceAnswer,
  type SourceApplied,
  type SourceSummary,
  Sources,
} from './sources.js';
