import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { invalid, PlatformError } from '@perennial/kernel';
import { gatewayLimits } from '../limits.js';
import { parseBounded } from '../protocol/json-structure.js';
import { BodyWatch } from './body-watch.js';

/** Encodings of a body that are undone on the way in. */
const decoders: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', () => createGunzip({ chunkSize: decodedChunkBytes })],
  ['deflate', () => createInflate({ chunkSize: decodedChunkBytes })],
]);
const decodedChunkBytes = 64 * 1024;

/** For the header `accept-encoding` of an answer that refuses another encoding. */
export const acceptedEncodings = 'gzip, deflate';

/**
 * The whole body, its encoding undone, at most `bytesMax` before and after, until `deadlineAt` on performance.now().
 *
 * @throws PlatformError BODY_TOO_LARGE before more than that is held, BODY_ENCODING_UNSUPPORTED, BODY_INCOMPLETE,
 *   BODY_MALFORMED where its encoding is broken, BODY_TIMEOUT
 */
export function readBody(request: IncomingMessage, bytesMax: number, deadlineAt: number): Promise<Buffer> {
  const decoder = decoderOf(request.headers['content-encoding']);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) throw tooLarge(announced, bytesMax);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let received = 0;
    let isRefused = false;
    let held = 0;
    const hold = (size: number) => {
      if (size < gatewayLimits.largeBodyBytesMin) return true;
      if (largeBytes + size - held > gatewayLimits.largeBodiesBytesMax) return false;
      largeBytes += size - held;
      held = size;
      return true;
    };
    // A body ends or is refused; its request may have closed long before its encoding is undone.
    const giveBack = () => {
      largeBytes -= held;
      held = 0;
    };
    const refuse = (error: PlatformError) => {
      // The rest is thrown away, so that the client reads our answer instead of a reset.
      isRefused = true;
      chunks.length = 0;
      giveBack();
      watch.remove(awaited);
      decoder?.destroy();
      request.resume();
      reject(error);
    };
    const awaited = { deadlineAt, late: () => refuse(tooSlow(bytes)) };
    watch.add(awaited);
    const take = (chunk: Buffer) => {
      if (isRefused) return;
      bytes += chunk.length;
      if (bytes > bytesMax) refuse(tooLarge(bytes, bytesMax));
      else if (hold(bytes)) chunks.push(chunk);
      else refuse(noRoom());
    };
    const end = () => {
      giveBack();
      watch.remove(awaited);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    };
    if (decoder) {
      decoder.on('data', take).on('end', end);
      decoder.on('error', (cause) => refuse(broken(cause)));
      decoder.on('drain', () => request.resume());
      request.on('end', () => decoder.end());
    } else request.on('end', end);
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (!decoder || isRefused) take(chunk);
      else if (received > bytesMax) refuse(tooLarge(received, bytesMax));
      else if (!decoder.write(chunk)) request.pause();
    });
    request.on('error', (cause) => refuse(incomplete(cause)));
    // Every request closes; an error is made for those alone that had not ended.
    request.on('close', () => {
      if (!request.readableEnded) refuse(incomplete(undefined));
    });
  });
}

const watch = new BodyWatch();

/** Bytes that all large bodies on their way in hold together. */
let largeBytes = 0;

function noRoom(): PlatformError {
  return new PlatformError(
    'BODIES_EXHAUSTED',
    'dependency',
    'after',
    'too many large bodies are on their way in at the same time; send this one again in a second',
    { retryAfterMs: 1_000 },
  );
}

function decoderOf(encoding: string | undefined): Transform | undefined {
  if (encoding === undefined || encoding === 'identity') return undefined;
  const make = decoders.get(encoding.toLowerCase());
  if (make) return make();
  throw invalid(
    'BODY_ENCODING_UNSUPPORTED',
    `content-encoding ${encoding} is not read here; send the body as it is, or with ${acceptedEncodings}`,
  );
}

function broken(cause: unknown): PlatformError {
  return invalid(
    'BODY_MALFORMED',
    `the body is not what its content-encoding says: ${(cause as Error).message}`,
    {
      cause,
      field: 'content-encoding',
    },
  );
}

function tooSlow(bytes: number): PlatformError {
  return invalid(
    'BODY_TIMEOUT',
    `the body did not end within the time of the request, ${bytes} bytes of it came; send it faster or in parts`,
    { field: 'body' },
  );
}

function tooLarge(bytes: number, bytesMax: number): PlatformError {
  return invalid(
    'BODY_TOO_LARGE',
    `the body has ${bytes} bytes or more, at most ${bytesMax} are taken; send it in parts`,
    { field: 'body' },
  );
}

function incomplete(cause: unknown): PlatformError {
  return invalid('BODY_INCOMPLETE', 'the body ended before its announced length; send it again', { cause });
}

/** @throws PlatformError BODY_MALFORMED, and BODY_TOO_LARGE or INFER_BODY_INVALID where parsing would cost too much */
export function parseJson(text: string): unknown {
  try {
    return parseBounded(text);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw invalid('BODY_MALFORMED', `the body is no JSON: ${(cause as Error).message}`, {
      cause,
      field: 'body',
    });
  }
}

/** @throws PlatformError PATH_INVALID */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw invalid('PATH_INVALID', 'the path has a malformed escape', { cause, field: 'path' });
  }
}
