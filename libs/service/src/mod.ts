export type { Meter } from '@opentelemetry/api';
export { z } from 'zod';
export { readConfig, type Settings, variableOf } from './config.js';
export type { ErasedRows, ErasureRequest, Frame, Parts, Progress, ServiceOptions } from './frame.js';
export { type ClientOptions, createClient } from './grpc/client.js';
export { type GrpcServer, type ServeOptions, serveGrpc } from './grpc/server.js';
export {
  type Call,
  type CallOptions,
  type Client,
  type Codec,
  type Codecs,
  type Implementation,
  type RpcService,
  rpc,
} from './grpc/types.js';
export { errorFields, type LogLevel, openLog } from './log.js';
export { runService } from './run-service.js';
export { type RunningService, startService } from './start-service.js';
export { grpcStatusOf, httpStatusOf, type Problem, problemOf } from './statuses.js';
export { type HistogramCell, PlainHistogram } from './telemetry/plain-histogram.js';
export { activeTraceparent, collectsTraces, TracedRuns } from './telemetry/traced-runs.js';
export { type TlsContext, TlsFiles, type TlsFilesOptions } from './tls/tls-files.js';
export { makeWorkFolder } from './work-folder.js';
