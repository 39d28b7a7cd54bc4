import { createHmac, randomBytes } from 'node:crypto';
import { invalid } from '@perennial/kernel';

/**
 * Signatures of callbacks as the Standard Webhooks specification 1.0.0 has them, so that its libraries verify them:
 * HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>` with a secret of 24 to 64 bytes.
 */

const prefix = 'whsec_';
const secretBytesMin = 24;
const secretBytesMax = 64;

export function newSecret(): string {
  return prefix + randomBytes(32).toString('base64');
}

/** @throws PlatformError CALLBACK_INVALID where a secret is none */
export function checkSecret(secret: string): string {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : '';
  const bytes = Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  if (isBase64 && bytes.length >= secretBytesMin && bytes.length <= secretBytesMax) return secret;
  throw invalid(
    'CALLBACK_INVALID',
    `callback.secret must be "${prefix}" and base64 of ${secretBytesMin} to ${secretBytesMax} bytes; leave it out to be given one`,
    { field: 'callback.secret' },
  );
}

/** The three headers that go with a body; `atSeconds` since 1970. */
export function signedHeaders(
  secret: string,
  message: { readonly id: string; readonly atSeconds: number; readonly body: string },
): Record<string, string> {
  const { id, atSeconds, body } = message;
  const key = Buffer.from(secret.slice(prefix.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${atSeconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': `v1,${signature}`,
  };
}
