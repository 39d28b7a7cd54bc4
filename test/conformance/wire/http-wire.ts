import { exchange, type HttpAnswer } from './http.js';
import { decode, encode, is64Bit, type Values, type WireTensor } from './values.js';
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
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  404: 'NOT_FOUND',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** The protocol over HTTP: tensors as JSON, or as bytes behind it. */
export class HttpWire implements Wire {
  readonly name: string;
  readonly transport = 'http';
  readonly isBinary: boolean;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, token: string | undefined, isBinary: boolean) {
    this.name = isBinary ? 'HTTP with bytes' : 'HTTP with JSON';
    this.isBinary = isBinary;
    this.#url = url;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Any exchange, for what only HTTP has. */
  send(
    method: string,
    path: string,
    body?: Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer> {
    return exchange(this.#url + path, method, { ...this.#headers, ...headers }, body);
  }

  infer(request: InferRequest): Promise<Answer<InferResponse>> {
    if (!this.isBinary) {
      const inputs = request.inputs.map((input) => ({ ...head(input), data: input.data }));
      return this.#infer(request, jsonText({ ...body(request), inputs }), []);
    }
    return this.inferRaw({
      ...request,
      inputs: request.inputs.map((input) => ({ ...input, bytes: encode(input.datatype, input.data) })),
    });
  }

  inferRaw(request: RawRequest): Promise<Answer<InferResponse>> {
    const inputs = request.inputs.map((input) => ({
      ...head(input),
      parameters: {
        ...(input as { parameters?: Parameters }).parameters,
        binary_data_size: input.bytes.length,
      },
    }));
    const parameters = { ...request.parameters, binary_data_output: true };
    const json = jsonText({ ...body(request), parameters, inputs });
    return this.#infer(
      request,
      json,
      request.inputs.map(({ bytes }) => bytes),
    );
  }

  async #infer(
    { model, version }: Pick<InferRequest, 'model' | 'version'>,
    json: string,
    tail: readonly Buffer[],
  ): Promise<Answer<InferResponse>> {
    const first = Buffer.from(json);
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (tail.length > 0) headers['inference-header-content-length'] = String(first.length);
    const path = `${modelPath(model, version)}/infer`;
    const answer = await this.send('POST', path, Buffer.concat([first, ...tail]), headers);
    return read(answer, readInference);
  }

  live(): Promise<Answer<boolean>> {
    return this.#isOk('/v2/health/live');
  }

  ready(): Promise<Answer<boolean>> {
    return this.#isOk('/v2/health/ready');
  }

  modelReady(model: string, version?: string): Promise<Answer<boolean>> {
    return this.#isOk(`${modelPath(model, version)}/ready`);
  }

  async #isOk(path: string): Promise<Answer<boolean>> {
    const answer = await this.send('GET', path);
    if (answer.status === 200) return { ok: true, value: true };
    // Servers say "not ready" with a status of their own choice; an unknown model is another matter.
    return answer.status === 404 ? refusal(answer) : { ok: true, value: false };
  }

  serverMetadata(): Promise<Answer<ServerMetadata>> {
    return this.#get('/v2');
  }

  modelMetadata(model: string, version?: string): Promise<Answer<ModelMetadata>> {
    return this.#get(modelPath(model, version));
  }

  config(model: string, version?: string): Promise<Answer<ModelConfig>> {
    return this.#get(`${modelPath(model, version)}/config`);
  }

  async statistics(model?: string, version?: string): Promise<Answer<ModelStatistics[]>> {
    const path = model === undefined ? '/v2/models' : modelPath(model, version);
    return read(await this.send('GET', `${path}/stats`), ({ body: bytes }) => {
      const { model_stats: all } = JSON.parse(bytes.toString()) as {
        model_stats: (ModelStatistics & { inference_stats: { success: { count: number } } })[];
      };
      return all.map((one) => ({ ...one, success: one.inference_stats.success.count }));
    });
  }

  async index(ready?: boolean): Promise<Answer<IndexEntry[]>> {
    const asked = ready === undefined ? undefined : Buffer.from(JSON.stringify({ ready }));
    return read(await this.send('POST', '/v2/repository/index', asked), jsonOf<IndexEntry[]>);
  }

  load(model: string, parameters?: Parameters): Promise<Answer<void>> {
    return this.#repository(model, 'load', parameters);
  }

  unload(model: string, parameters?: Parameters): Promise<Answer<void>> {
    return this.#repository(model, 'unload', parameters);
  }

  async #repository(model: string, verb: string, parameters: Parameters = {}): Promise<Answer<void>> {
    const path = `/v2/repository/models/${encodeURIComponent(model)}/${verb}`;
    return read(await this.send('POST', path, Buffer.from(JSON.stringify({ parameters }))), () => undefined);
  }

  async #get<T>(path: string): Promise<Answer<T>> {
    return read(await this.send('GET', path), jsonOf<T>);
  }
}

function modelPath(model: string, version?: string): string {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return version === undefined ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

function head({ name, datatype, shape, ...rest }: Omit<WireTensor, 'data'> & { parameters?: Parameters }) {
  return { name, datatype, shape, ...(rest.parameters && { parameters: rest.parameters }) };
}

function body({ id, parameters, outputs }: Omit<InferRequest, 'inputs'>) {
  return { ...(id !== undefined && { id }), ...(parameters && { parameters }), ...(outputs && { outputs }) };
}

function read<T>(answer: HttpAnswer, value: (answer: HttpAnswer) => T): Answer<T> {
  return answer.status === 200 ? { ok: true, value: value(answer) } : refusal(answer);
}

function refusal({ status, body: bytes }: HttpAnswer): Answer<never> {
  const { error } = JSON.parse(bytes.toString()) as { error: unknown };
  if (typeof error !== 'string') throw new Error(`an error without a text: ${bytes.toString()}`);
  return { ok: false, status: statuses[status] ?? 'OTHER', message: error };
}

function jsonOf<T>({ body: bytes }: HttpAnswer): T {
  return JSON.parse(bytes.toString()) as T;
}

interface JsonOutput extends Omit<WireTensor, 'data'> {
  readonly data?: unknown;
  readonly parameters?: { readonly binary_data_size?: number };
}

/** An inference's answer, whichever way its tensors came. */
export function readInference({ headers, body: bytes }: HttpAnswer): InferResponse {
  const told = headers['inference-header-content-length'];
  const length = told === undefined ? bytes.length : Number(told);
  const json = exactJson(bytes.toString('utf8', 0, length)) as {
    model_name: string;
    model_version?: string;
    id?: string;
    parameters?: Record<string, unknown>;
    outputs: JsonOutput[];
  };
  let at = length;
  const outputs = json.outputs.map((output) => {
    const { name, datatype, shape } = output;
    const size = output.parameters?.binary_data_size;
    if (size === undefined) return { name, datatype, shape, data: elements(datatype, output.data) };
    at += size;
    return { name, datatype, shape, data: decode(datatype, bytes.subarray(at - size, at)) };
  });
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes are left behind the last output`);
  return {
    model: json.model_name,
    version: json.model_version ?? '',
    id: json.id ?? '',
    parameters: json.parameters ?? {},
    outputs,
  };
}

function elements(datatype: string, data: unknown): Values {
  const flat = (data as unknown[]).flat(Number.POSITIVE_INFINITY) as Values;
  return is64Bit(datatype) ? flat.map((value) => BigInt(value as string | number)) : flat;
}

/** JSON with integers of any length: long ones are read as texts. */
function exactJson(text: string): unknown {
  return JSON.parse(text.replace(/(?<=[[,]\s*)-?\d{16,}(?=\s*[,\]])/g, '"$&"'));
}

/** As JSON.stringify; bigint as digits. */
export function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, of]) => `${JSON.stringify(name)}:${jsonText(of)}`);
  return `{${members.join(',')}}`;
}
