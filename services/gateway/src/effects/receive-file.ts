import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { invalid, PlatformError } from '@perennial/kernel';

export interface ReceiveLimits {
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/**
 * Streams a request's body into a file, no more than a chunk of it in memory. Returns its size.
 *
 * @throws PlatformError BODY_TOO_LARGE before more than the limit is written, BODY_TIMEOUT, BODY_INCOMPLETE,
 *   BODY_ENCODING_UNSUPPORTED
 */
export async function receiveFile(
  request: IncomingMessage,
  file: string,
  { bytesMax, timeoutMs }: ReceiveLimits,
): Promise<number> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw invalid(
      'BODY_ENCODING_UNSUPPORTED',
      `content-encoding ${encoding} is not read here; send the file as it is`,
    );
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) throw tooLarge(bytesMax);
  let bytes = 0;
  const within = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge(bytesMax);
      yield chunk;
    }
  };
  const late = AbortSignal.timeout(timeoutMs);
  try {
    // The request stays open for its answer: what is left of a refused body is read and thrown away by the server.
    await pipeline(request.iterator({ destroyOnReturn: false }), within, createWriteStream(file), {
      signal: late,
    });
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    if (late.aborted) {
      const message = `the file did not end within ${timeoutMs / 1000} s, ${bytes} bytes of it came; send it faster`;
      throw invalid('BODY_TIMEOUT', message, { cause, field: 'body' });
    }
    if (!request.readableEnded && request.destroyed) {
      throw invalid('BODY_INCOMPLETE', 'the body ended before its announced length; send it again', {
        cause,
      });
    }
    throw cause;
  }
  return bytes;
}

function tooLarge(bytesMax: number): PlatformError {
  return invalid('BODY_TOO_LARGE', `the file is over the limit of ${bytesMax} bytes`, { field: 'body' });
}
