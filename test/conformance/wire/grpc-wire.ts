import { type GrpcAnswer, GrpcConnection } from './grpc.js';
import * as is from './messages.js';
import { decodeMessage, encodeMessage, type Fields, type Schema } from './protobuf.js';
import { decode, encode, type Values, type WireTensor } from './values.js';
import type {
  Answer,
  IndexEntry,
  InferRequest,
  InferResponse,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  Parameters,
  RawRequest,
  ServerMetadata,
  Status,
  Wire,
} from './wire.js';

const statuses: Readonly<Record<number, Status>> = {
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

/** The field of typed contents that a datatype goes into. */
export const contentsOf: Readonly<Record<string, string>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

/** The protocol over gRPC: raw or typed contents in the requests. */
export class GrpcWire implements Wire {
  readonly name: string;
  readonly transport = 'grpc';
  /** Typed contents too hold everything but FP16; what they cannot hold goes raw. */
  readonly isBinary = true;
  readonly connection: GrpcConnection;
  readonly #isTyped: boolean;

  constructor(address: string, token: string | undefined, isTyped: boolean) {
    this.name = isTyped ? 'gRPC with typed contents' : 'gRPC with raw contents';
    this.connection = new GrpcConnection(
      address,
      token === undefined ? {} : { authorization: `Bearer ${token}` },
    );
    this.#isTyped = isTyped;
  }

  infer(request: InferRequest): Promise<Answer<InferResponse>> {
    return this.#ask(
      'ModelInfer',
      is.inferRequestSchema,
      this.message(request),
      is.inferResponseSchema,
      response,
    );
  }

  inferRaw(request: RawRequest): Promise<Answer<InferResponse>> {
    const message = {
      ...head(request),
      inputs: request.inputs.map(tensorHead),
      raw_input_contents: request.inputs.map(({ bytes }) => bytes),
    };
    return this.#ask('ModelInfer', is.inferRequestSchema, message, is.inferResponseSchema, response);
  }

  /** A request as this wire sends it. */
  message(request: InferRequest): Fields {
    const isTyped = this.#isTyped && request.inputs.every(({ datatype }) => datatype in contentsOf);
    return {
      ...head(request),
      inputs: request.inputs.map((input) => ({
        ...tensorHead(input),
        ...(isTyped && { contents: { [contentsOf[input.datatype] ?? '']: input.data } }),
      })),
      ...(!isTyped && {
        raw_input_contents: request.inputs.map(({ datatype, data }) => encode(datatype, data)),
      }),
    };
  }

  live(): Promise<Answer<boolean>> {
    return this.#ask('ServerLive', is.emptySchema, {}, is.liveSchema, ({ live }: { live: boolean }) => live);
  }

  ready(): Promise<Answer<boolean>> {
    return this.#ask(
      'ServerReady',
      is.emptySchema,
      {},
      is.readySchema,
      ({ ready }: { ready: boolean }) => ready,
    );
  }

  modelReady(name: string, version = ''): Promise<Answer<boolean>> {
    const asked = { name, version };
    return this.#ask(
      'ModelReady',
      is.modelSchema,
      asked,
      is.readySchema,
      ({ ready }: { ready: boolean }) => ready,
    );
  }

  serverMetadata(): Promise<Answer<ServerMetadata>> {
    return this.#ask(
      'ServerMetadata',
      is.emptySchema,
      {},
      is.serverMetadataSchema,
      (it: ServerMetadata) => it,
    );
  }

  modelMetadata(name: string, version = ''): Promise<Answer<ModelMetadata>> {
    const numbered = (tensors: ModelMetadata['inputs']) =>
      tensors.map((tensor) => ({ ...tensor, shape: tensor.shape.map(Number) }));
    return this.#ask(
      'ModelMetadata',
      is.modelSchema,
      { name, version },
      is.modelMetadataSchema,
      (it: ModelMetadata) => ({ ...it, inputs: numbered(it.inputs), outputs: numbered(it.outputs) }),
    );
  }

  config(name: string, version = ''): Promise<Answer<ModelConfig>> {
    type Tensors = readonly { name: string; data_type: number; dims: readonly bigint[] }[];
    const named = (tensors: Tensors) =>
      tensors.map((tensor) => ({
        ...tensor,
        data_type: is.configDatatypes[tensor.data_type] ?? '',
        dims: tensor.dims.map(Number),
      }));
    return this.#ask(
      'ModelConfig',
      is.modelSchema,
      { name, version },
      is.configSchema,
      ({
        config,
      }: {
        config: Omit<ModelConfig, 'input' | 'output'> & { input: Tensors; output: Tensors };
      }) => ({
        ...config,
        input: named(config.input),
        output: named(config.output),
      }),
    );
  }

  statistics(name = '', version = ''): Promise<Answer<ModelStatistics[]>> {
    type Told = ModelStatistics & { inference_stats?: { success?: { count: bigint } } };
    return this.#ask(
      'ModelStatistics',
      is.modelSchema,
      { name, version },
      is.statisticsSchema,
      ({ model_stats: all }: { model_stats: Told[] }) =>
        all.map((one) => ({
          ...one,
          inference_count: Number(one.inference_count),
          execution_count: Number(one.execution_count),
          success: Number(one.inference_stats?.success?.count ?? 0),
        })),
    );
  }

  index(ready = false): Promise<Answer<IndexEntry[]>> {
    return this.#ask(
      'RepositoryIndex',
      is.indexRequestSchema,
      { ready },
      is.indexSchema,
      ({ models }: { models: IndexEntry[] }) => models,
    );
  }

  load(model: string, parameters?: Parameters): Promise<Answer<void>> {
    return this.#repository('RepositoryModelLoad', model, parameters);
  }

  unload(model: string, parameters?: Parameters): Promise<Answer<void>> {
    return this.#repository('RepositoryModelUnload', model, parameters);
  }

  #repository(method: string, model: string, parameters?: Parameters): Promise<Answer<void>> {
    const message = { model_name: model, parameters: parameterMap(parameters) };
    return this.#ask(method, is.repositorySchema, message, is.emptySchema, () => undefined);
  }

  async #ask<M, T>(
    method: string,
    requestSchema: Schema,
    request: Fields,
    responseSchema: Schema,
    value: (message: M) => T,
  ): Promise<Answer<T>> {
    const answer = await this.connection.call(method, [encodeMessage(requestSchema, request)]);
    return answered(answer, (bytes) => value(decodeMessage<M>(responseSchema, bytes)));
  }
}

/** One message, or the status with its text. */
export function answered<T>(
  { code, message, messages }: GrpcAnswer,
  value: (message: Buffer) => T,
): Answer<T> {
  const [first] = messages;
  if (code !== 0) return { ok: false, status: statuses[code] ?? 'OTHER', message };
  if (!first) throw new Error('success without a message');
  return { ok: true, value: value(first) };
}

function head({ model, version, id, parameters, outputs }: Omit<InferRequest, 'inputs'>): Fields {
  return {
    model_name: model,
    model_version: version,
    id,
    parameters: parameterMap(parameters),
    outputs: (outputs ?? []).map((output) => ({
      name: output.name,
      parameters: parameterMap(output.parameters),
    })),
  };
}

function tensorHead({
  name,
  datatype,
  shape,
  ...rest
}: Omit<WireTensor, 'data'> & { readonly parameters?: Parameters }): Fields {
  return { name, datatype, shape, parameters: parameterMap(rest.parameters) };
}

function parameterMap(parameters: Parameters = {}): Fields {
  const entries = Object.entries(parameters).map(([name, value]) => {
    if (typeof value === 'boolean') return [name, { bool_param: value }];
    if (typeof value === 'string') return [name, { string_param: value }];
    return [name, Number.isInteger(value) ? { int64_param: value } : { double_param: value }];
  });
  return Object.fromEntries(entries) as Fields;
}

export interface ResponseMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Record<string, Record<string, unknown>>;
  readonly outputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly bigint[];
    readonly contents: Record<string, Values> | undefined;
  }[];
  readonly raw_output_contents: readonly Buffer[];
}

/** A response message, its tensors raw or typed. */
export function response(message: ResponseMessage): InferResponse {
  return {
    model: message.model_name,
    version: message.model_version,
    id: message.id,
    parameters: Object.fromEntries(
      Object.entries(message.parameters).map(
        ([name, { string_param: text, bool_param: is, int64_param: number }]) => [
          name,
          text !== '' ? text : number !== 0n ? number : is,
        ],
      ),
    ),
    outputs: message.outputs.map(({ name, datatype, shape, contents }, at) => {
      const raw = message.raw_output_contents[at];
      const typed = contents?.[contentsOf[datatype] ?? ''] as Values | undefined;
      const texts = datatype === 'BYTES' ? typed?.map((bytes) => String(bytes)) : typed;
      return { name, datatype, shape: shape.map(Number), data: raw ? decode(datatype, raw) : (texts ?? []) };
    }),
  };
}
