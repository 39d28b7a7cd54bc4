import type { IncomingMessage } from 'node:http';
import { invalid, type PlatformError } from '@perennial/kernel';

/**
 * The whole body, at most `bytesMax`, until `deadlineAt` on performance.now().
 *
 * @throws PlatformError BODY_TOO_LARGE before more than that is held, BODY_ENCODING_UNSUPPORTED, BODY_INCOMPLETE,
 *   BODY_TIMEOUT
 */
export function readBody(request: IncomingMessage, bytesMax: number, deadlineAt: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw invalid(
      'BODY_ENCODING_UNSUPPORTED',
      `content-encoding ${encoding} is not read here; send the body as it is`,
    );
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) throw tooLarge(announced, bytesMax);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isRefused = false;
    const refuse = (error: PlatformError) => {
      // The rest is thrown away, so that the client reads our answer instead of a reset.
      isRefused = true;
      chunks.length = 0;
      clearTimeout(late);
      reject(error);
    };
    const late = setTimeout(() => refuse(tooSlow(bytes)), deadlineAt - performance.now());
    request.on('data', (chunk: Buffer) => {
      if (isRefused) return;
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else refuse(tooLarge(bytes, bytesMax));
    });
    request.on('end', () => {
      clearTimeout(late);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    request.on('error', (cause) => refuse(incomplete(cause)));
    // Every request closes; an error is made for those alone that had not ended.
    request.on('close', () => {
      if (!request.readableEnded) refuse(incomplete(undefined));
    });
  });
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

/** @throws PlatformError BODY_MALFORMED */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
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
