import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far the clocks of both sides may be apart, and how old what is sent again may be; as the specification advises. */
const toleranceSeconds = 5 * 60;

export interface CallbackHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Whether a callback came from whoever holds the secret, unchanged and lately: Standard Webhooks 1.0.0, HMAC-SHA256 over
 * `<id>.<timestamp>.<body>`. `body` is the text as it came, before any parsing; `secret` is the `whsec_…` that the
 * platform told once. One id may come more than once: who acts on it remembers it.
 */
export function isGenuineCallback(
  headers: Partial<CallbackHeaders>,
  body: string,
  secret: string,
  nowMs = Date.now(),
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = headers;
  if (!id || !at || !signatures || !/^\d{1,12}$/.test(at)) return false;
  if (Math.abs(nowMs / 1_000 - Number(at)) > toleranceSeconds) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length === 0) return false;
  const expected = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest();
  return signatures.split(' ').some((signature) => {
    const [version, text = ''] = signature.split(',', 2);
    const given = Buffer.from(text, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}
