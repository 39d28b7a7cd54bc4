import { expect, test } from 'vitest';
import { isGenuineCallback } from '../src/mod.js';

// The example of the Standard Webhooks specification.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = '{"test": 2432232314}';
const at = 1_614_265_330;
const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const headers = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': String(at),
  'webhook-signature': signature,
};
const now = at * 1_000;

test('a callback is genuine where one of its signatures is of the secret, the body and the time', () => {
  expect(isGenuineCallback(headers, body, secret, now)).toBe(true);
  const several = { ...headers, 'webhook-signature': `v1a,AAAA v1,AAAA ${signature}` };
  expect(isGenuineCallback(several, body, secret, now + 299_000)).toBe(true);
});

test.each([
  ['another body', headers, `${body} `, secret, now],
  ['another secret', headers, body, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', now],
  ['no secret', headers, body, '', now],
  ['another id', { ...headers, 'webhook-id': 'msg_other' }, body, secret, now],
  ['another time', { ...headers, 'webhook-timestamp': String(at + 1) }, body, secret, now],
  ['no time', { ...headers, 'webhook-timestamp': 'NaN' }, body, secret, now],
  ['another version', { ...headers, 'webhook-signature': signature.replace('v1', 'v2') }, body, secret, now],
  ['no signature', { 'webhook-id': 'x', 'webhook-timestamp': String(at) }, body, secret, now],
  ['an old time', headers, body, secret, now + 301_000],
  ['a time to come', headers, body, secret, now - 301_000],
])('a callback with %s is not', (_what, given, text, key, at) => {
  expect(isGenuineCallback(given, text, key, at)).toBe(false);
});
