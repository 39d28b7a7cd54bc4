import type { Values, WireTensor } from './values.js';

/** One way to speak the protocol, as the suite uses it. */
export interface Wire {
  readonly name: string;
  readonly transport: 'http' | 'grpc';
  /** Tensors travel as bytes: everything can, in any form. */
  readonly isBinary: boolean;
  infer(request: InferRequest): Promise<Answer<InferResponse>>;
  /** A request whose tensors are encoded by the test itself. */
  inferRaw(request: RawRequest): Promise<Answer<InferResponse>>;
  live(): Promise<Answer<boolean>>;
  ready(): Promise<Answer<boolean>>;
  modelReady(model: string, version?: string): Promise<Answer<boolean>>;
  serverMetadata(): Promise<Answer<ServerMetadata>>;
  modelMetadata(model: string, version?: string): Promise<Answer<ModelMetadata>>;
  config(model: string, version?: string): Promise<Answer<ModelConfig>>;
  statistics(model?: string, version?: string): Promise<Answer<ModelStatistics[]>>;
  index(ready?: boolean): Promise<Answer<IndexEntry[]>>;
  load(model: string, parameters?: Parameters): Promise<Answer<void>>;
  unload(model: string, parameters?: Parameters): Promise<Answer<void>>;
}

export type Parameters = Readonly<Record<string, string | number | boolean>>;

export interface InferRequest {
  readonly model: string;
  readonly version?: string | undefined;
  readonly id?: string;
  readonly parameters?: Parameters;
  readonly inputs: readonly (WireTensor & { readonly parameters?: Parameters })[];
  readonly outputs?: readonly { readonly name: string; readonly parameters?: Parameters }[];
}

/** As InferRequest; each input's bytes as given, whatever its datatype and shape say. */
export interface RawRequest extends Omit<InferRequest, 'inputs'> {
  readonly inputs: readonly (Omit<WireTensor, 'data'> & { readonly bytes: Buffer })[];
}

export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Record<string, unknown>;
  readonly outputs: readonly WireTensor[];
}

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export interface ModelConfig {
  readonly name: string;
  readonly max_batch_size: number;
  readonly input: readonly { readonly name: string; readonly data_type: string; readonly dims: Values }[];
  readonly output: readonly { readonly name: string; readonly data_type: string; readonly dims: Values }[];
}

export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly success: number;
}

export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: string;
}

/** Statuses by their gRPC names; HTTP's are read as the protocol's servers map them. */
export type Status =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED'
  | 'DEADLINE_EXCEEDED'
  | 'UNAUTHENTICATED'
  | 'INTERNAL'
  | 'OTHER';

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: Status; readonly message: string };

/** @throws Error with the server's words where it refused */
export function given<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new Error(`${answer.status}: ${answer.message}`);
}
