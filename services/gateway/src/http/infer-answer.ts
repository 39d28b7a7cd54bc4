import { writeInferenceBody } from '../protocol/json-body.js';
import type { InferenceResponse } from '../protocol/request.js';

export const headerLengthName = 'inference-header-content-length';

const jsonHeaders: Readonly<Record<string, string>> = { 'content-type': 'application/json' };

/** What is sent for an inference, before it is compressed where the client asks for that. */
export function inferAnswer(response: InferenceResponse): {
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { body, headerLength } = writeInferenceBody(response);
  if (headerLength === undefined) return { body, headers: jsonHeaders };
  const headers = { 'content-type': 'application/octet-stream', [headerLengthName]: String(headerLength) };
  return { body, headers };
}
