import { digestOf } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { allow, callerOf, parseTokens, producerFor, type Token } from '../../src/decide/access.js';

const token = (name: string, role: 'admin' | 'client', tenant = 'default'): Token => ({
  name,
  role,
  tenant,
  sha256: digestOf(`secret-${name}`).slice('sha256:'.length),
});
const tokens = [token('root', 'admin'), token('desk', 'client'), token('stranger', 'admin', 'other')];

test('a token of this tenant tells who asks', () => {
  expect(callerOf(tokens, 'default', 'Bearer secret-desk')).toEqual({
    name: 'desk',
    tenant: 'default',
    role: 'client',
  });
});

test.each([undefined, '', 'Bearer', 'Bearer wrong', 'Basic secret-root', 'Bearer secret-stranger'])(
  'whoever sends %j is not known',
  (header) => {
    expect(() => callerOf(tokens, 'default', header)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    );
  },
);

test('a client may not do what an administrator may', () => {
  expect(() => allow({ name: 'desk', tenant: 'default', role: 'client' }, 'administer')).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN' }),
  );
  allow({ name: 'root', tenant: 'default', role: 'admin' }, 'predict');
});

test('a client sends rows as itself alone', () => {
  expect(producerFor({ name: 'desk', tenant: 'default', role: 'client' }, undefined)).toBe('desk');
  expect(() => producerFor({ name: 'desk', tenant: 'default', role: 'client' }, 'garden')).toThrow(
    expect.objectContaining({ code: 'PRODUCER_FORBIDDEN', field: 'producer' }),
  );
  expect(producerFor({ name: 'root', tenant: 'default', role: 'admin' }, 'garden')).toBe('garden');
});

test('a wrong tokens file is refused with the place of the mistake', () => {
  expect(parseTokens(JSON.stringify({ tokens }))).toEqual(tokens);
  expect(() => parseTokens('{"tokens":[{"name":"a","tenant":"t","sha256":"xyz","role":"admin"}]}')).toThrow(
    /tokens\[0\]\.sha256/,
  );
});
