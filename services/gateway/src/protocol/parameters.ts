import { invalid, type PlatformError } from '@perennial/kernel';
import type { RequestedOutput } from './request.js';

/** A parameter's value: JSON's over HTTP, one of five types over gRPC. */
export type ParameterValue = string | number | bigint | boolean;
export type Parameters = Readonly<Record<string, unknown>>;

/** What a request's parameters ask of us. */
export interface RequestParameters {
  /** Over HTTP: outputs that say nothing themselves are sent as bytes. */
  readonly isBinary: boolean;
  /** Over gRPC: typed contents instead of raw ones. */
  readonly isTyped: boolean;
  /** 1 is the most urgent; 0 the default. */
  readonly priority: number;
  /** May only shorten the deadline; 0: none. */
  readonly timeoutUs: number;
  /** The moment as of which the platform adds features. */
  readonly eventTime: string | undefined;
}

export const noParameters: RequestParameters = {
  isBinary: false,
  isTyped: false,
  priority: 0,
  timeoutUs: 0,
  eventTime: undefined,
};

const priorityMax = 2 ** 32 - 1;
/** One of the names that are reserved by the protocol's common servers may be sent here; it changes nothing for us. */
const emptyFinalResponse = 'triton_enable_empty_final_response';

/**
 * Reads a request's parameters. Those that nobody reserved are accepted: other servers hand them to the model, and
 * ours take none.
 *
 * @throws PlatformError PARAMETER_INVALID, in the words of the protocol's common servers where clients look for them
 */
export function readParameters(given: Parameters): RequestParameters {
  let read: RequestParameters = noParameters;
  for (const [name, value] of Object.entries(given)) {
    checkValue(name, value);
    switch (name) {
      case 'binary_data_output':
        read = { ...read, isBinary: booleanOf(name, value) };
        break;
      case 'output_form':
        if (value !== 'raw' && value !== 'typed')
          throw wrong(name, `parameter '${name}' must be "raw" or "typed"`);
        read = { ...read, isTyped: value === 'typed' };
        break;
      case 'priority':
        read = { ...read, priority: wholeOf(name, value, priorityMax) };
        break;
      case 'timeout':
        read = { ...read, timeoutUs: wholeOf(name, value, Number.MAX_SAFE_INTEGER) };
        break;
      case 'event_time':
        if (typeof value !== 'string')
          throw wrong(name, `parameter '${name}' must be a text such as "2012-04-01"`);
        read = { ...read, eventTime: value };
        break;
      case 'sequence_id':
      case 'sequence_start':
      case 'sequence_end':
        checkNoSequence(name, value);
        break;
      case 'headers':
        throw wrong(
          name,
          `parameter 'headers' is reserved and must not be sent; send HTTP headers or gRPC metadata`,
        );
      default:
        checkNotReserved(name, value);
    }
  }
  return read;
}

function checkValue(name: string, value: unknown): void {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return;
  if (typeof value === 'number') return;
  throw wrong(name, `parameter '${name}' must be a text, a number or true or false`);
}

function checkNoSequence(name: string, value: unknown): void {
  if (value === 0 || value === 0n || value === '' || value === false) return;
  throw wrong(name, `parameter '${name}': models with a state are not offered; send each request by itself`);
}

function checkNotReserved(name: string, value: unknown): void {
  if (!name.startsWith('triton_')) return;
  if (name === emptyFinalResponse) {
    booleanOf(name, value);
    return;
  }
  throw wrong(
    name,
    "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with " +
      `'triton_' are allowed: ${emptyFinalResponse}`,
  );
}

/**
 * What a requested output's parameters ask; the last of them may be absent.
 *
 * @throws PlatformError PARAMETER_INVALID
 */
export function readOutput(name: string, given: Parameters | undefined): RequestedOutput {
  let isBinary: boolean | undefined;
  let classes = 0;
  for (const [key, value] of Object.entries(given ?? {})) {
    checkValue(key, value);
    if (key === 'binary_data') isBinary = booleanOf(key, value);
    else if (key === 'classification') classes = wholeOf(key, value, Number.MAX_SAFE_INTEGER);
    else checkNotShared(name, key);
  }
  return { name, isBinary, classes };
}

/** @throws PlatformError PARAMETER_INVALID */
export function checkNotShared(tensor: string, key: string): void {
  if (!key.startsWith('shared_memory_')) return;
  throw wrong(
    tensor,
    `parameter '${key}' of '${tensor}': shared memory is not offered over a network; send the data itself`,
  );
}

/** @throws PlatformError OUTPUT_DUPLICATE */
export function checkOutputNames(outputs: readonly RequestedOutput[], model: string): void {
  if (outputs.length < 2) return;
  const seen = new Set<string>();
  for (const { name } of outputs) {
    if (seen.has(name)) {
      throw invalid('OUTPUT_DUPLICATE', `output '${name}' is requested twice for model '${model}'`, {
        field: name,
      });
    }
    seen.add(name);
  }
}

function booleanOf(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(name, `invalid value type for '${name}' parameter, expected a boolean`);
}

function wholeOf(name: string, value: unknown, max: number): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= max) return number;
  throw wrong(name, `invalid value type for '${name}' parameter, expected a whole number of 0 to ${max}`);
}

function wrong(field: string, message: string): PlatformError {
  return invalid('PARAMETER_INVALID', message, { field });
}
