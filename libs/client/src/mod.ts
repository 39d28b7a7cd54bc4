export {
  type CallOptions,
  Perennial,
  type PredictAnswer,
  type PredictOptions,
  type PublishAnswer,
  type WatermarkAnswer,
} from './client.js';
export { type ClientConfig, loadClientConfig } from './config.js';
export { GrpcPerennial } from './grpc.js';
export { RequestError } from './request-error.js';
