import { accessLimits } from './limits.js';

/** TLS, or this machine alone: whoever could change the answer on its way could let in anybody. */
export function isTrustworthy(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
  );
}

/** A small JSON document, within bounds of time and size; redirects are not followed. */
export async function fetchJson(url: string): Promise<unknown> {
  if (!isTrustworthy(url)) throw new Error(`${url} must be https, or http on this machine`);
  const { oidcFetchTimeoutMs, oidcDocumentBytesMax } = accessLimits;
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(oidcFetchTimeoutMs),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > oidcDocumentBytesMax)
      throw new Error(`${url} answers more than ${oidcDocumentBytesMax} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
