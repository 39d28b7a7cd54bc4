import type { HttpAnswer } from '../wire/http.js';
import { type HttpWire, jsonText } from '../wire/http-wire.js';
import { addSubRequest } from './shared.js';

export type HttpWireOf = () => HttpWire;

const { model: _model, ...request } = addSubRequest();
/** A request that is answered, as what it says and as a body. */
export const inference = request;
export const json = (value: unknown) => Buffer.from(jsonText(value));
export const body = json(inference);

export function errorOf({ body: bytes }: HttpAnswer): string {
  return String((JSON.parse(bytes.toString()) as { error?: unknown }).error);
}

export type Infer = (
  bytes: Buffer,
  headers?: Readonly<Record<string, string>>,
  model?: string,
) => Promise<HttpAnswer>;

/** Asks for an inference with a body of the test's own making. */
export function inferBy(wire: HttpWireOf): Infer {
  return (bytes, headers = {}, model = 'add_sub') =>
    wire().send('POST', `/v2/models/${model}/infer`, bytes, headers);
}
