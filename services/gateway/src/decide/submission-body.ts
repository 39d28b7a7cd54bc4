import type { JsonObject } from '@bufbuild/protobuf';
import { canonicalJson, invalid } from '@perennial/kernel';
import { readPredictBody } from './predict-body.js';

/** Whom to tell when it has ended. */
export interface AskedCallback {
  readonly url: string;
  /** Undefined: one is made. */
  readonly secret: string | undefined;
}

export interface SubmissionBody {
  /** The predict body alone, in its canonical form: the same question has the same digest. */
  readonly predictBody: string;
  readonly rowCount: number;
  readonly callback: AskedCallback | undefined;
}

/**
 * Reads `{"rows":[…], …options, "callback":{"url":…, "secret":…}}`. All that can be said about it without asking
 * anybody is said now, while the sender listens.
 *
 * @throws PlatformError PREDICT_ROWS_INVALID, PREDICT_OPTION_INVALID, CALLBACK_INVALID
 */
export function readSubmissionBody(body: JsonObject): SubmissionBody {
  const { callback, ...predictBody } = body;
  if (!Array.isArray(predictBody['rows'])) {
    throw invalid('PREDICT_ROWS_INVALID', 'rows must be a list of rows: {"rows":[…]}', { field: 'rows' });
  }
  const { rows } = readPredictBody(predictBody);
  return {
    predictBody: canonical(predictBody),
    rowCount: rows.length,
    callback: callback === undefined ? undefined : readCallback(callback),
  };
}

function canonical(body: JsonObject): string {
  try {
    return canonicalJson(body);
  } catch (cause) {
    // 1e999 is JSON, and no number.
    const message = `rows hold what is no value: ${(cause as Error).message}; send finite numbers, or null where one is missing`;
    throw invalid('PREDICT_ROWS_INVALID', message, { cause, field: 'rows' });
  }
}

function readCallback(callback: unknown): AskedCallback {
  if (typeof callback !== 'object' || callback === null || Array.isArray(callback))
    throw wrong('callback', 'must be an object with "url", and "secret" where you have one');
  const { url, secret, ...rest } = callback as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw wrong(`callback.${unknown}`, 'is not known; there are "url" and "secret"');
  if (typeof url !== 'string') throw wrong('callback.url', 'must be a text: where to send the result');
  if (secret !== undefined && typeof secret !== 'string')
    throw wrong('callback.secret', 'must be a text: "whsec_" and base64 of 24 to 64 bytes');
  return { url, secret };
}

/**
 * A key that names one call, or undefined where there is none.
 *
 * @throws PlatformError IDEMPOTENCY_KEY_INVALID
 */
export function idempotencyKey(header: string | undefined, charactersMax: number): string | undefined {
  if (header === undefined) return undefined;
  if (/^[\x21-\x7e]+$/.test(header) && header.length <= charactersMax) return header;
  throw invalid(
    'IDEMPOTENCY_KEY_INVALID',
    `idempotency-key must be 1 to ${charactersMax} printable characters without spaces, such as a UUID`,
    { field: 'idempotency-key' },
  );
}

function wrong(field: string, message: string) {
  return invalid('CALLBACK_INVALID', `${field} ${message}`, { field });
}
