import { lookup as resolve } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './address.js';

/** A callback server answers that it has heard; what it does then is its own affair. */
const timeoutMs = 10_000;

export interface PostOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Loopback and private addresses too, and plain HTTP. */
  readonly allowPrivate: boolean;
}

/**
 * Sends a callback and gives its status. Connects only to addresses that were checked in the moment they were
 * resolved, so that a name cannot change its meaning in between, and follows no redirect.
 *
 * @throws Error in plain words where no answer came
 */
export function post(address: string, { headers, body, allowPrivate }: PostOptions): Promise<number> {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && (url.protocol !== 'https:' || (isIP(host) !== 0 && !isPublicAddress(host))))
    return Promise.reject(new Error('the address is not public, or not https'));
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((fulfil, reject) => {
    const request = send(url, {
      method: 'POST',
      // A connection of its own: none that was made to another address of the same name.
      agent: false,
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'perennial',
        ...headers,
      },
      ...(!allowPrivate && { lookup: lookupPublic }),
    });
    const late = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on('close', () => clearTimeout(late));
    request.on('error', reject);
    request.on('response', (response) => {
      // The status says it all; a body without end is not read.
      fulfil(response.statusCode ?? 0);
      response.destroy();
    });
    request.end(body);
  });
}

/** As the system resolves names, but fails where any of the addresses is not public. */
const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    const [first] = addresses;
    if (!first || !addresses.every(({ address }) => isPublicAddress(address)))
      return callback(new Error(`${hostname} does not lead to public addresses alone`), '', 0);
    if (options.all) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};
