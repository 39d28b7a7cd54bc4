import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

/** Whom to trust beside the system's authorities, and what to show; PEM. */
export interface Trust {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

type Init = Pick<RequestInit, 'method' | 'signal'> & { headers: Record<string, string>; body?: unknown };

/** `fetch` for servers whose certificate an authority of one's own signed: the built-in one knows the system's alone. */
export async function httpsFetch(url: string, init: Init, trust: Trust): Promise<Response> {
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const { method = 'GET', headers, signal, body } = init;
    // An aborted signal's own reason is what fetch() rejects with.
    const fail = (error: Error) => reject(signal?.aborted ? signal.reason : withCause(error));
    const outgoing = request(url, { method, headers, ...trust, ...(signal && { signal }) }, resolve);
    outgoing.on('error', fail);
    if (body instanceof Readable) body.on('error', fail).pipe(outgoing);
    else outgoing.end((body ?? undefined) as string | Uint8Array | undefined);
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, one);
  }
  const { statusCode: status = 0 } = incoming;
  // A Response refuses a body for these.
  const isEmpty = status === 204 || status === 304;
  const stream = isEmpty ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
  return new Response(stream as ConstructorParameters<typeof Response>[0], { status, headers });
}

function withCause(cause: Error): TypeError {
  return new TypeError('fetch failed', { cause });
}
