import { digestOf } from '@perennial/kernel';
import { expect, test } from 'vitest';
import {
  allow,
  callerOf,
  type Permission,
  parseTokens,
  producerFor,
  type Role,
  type Token,
} from '../../src/decide/access.js';

const token = (name: string, role: 'admin' | 'client', tenant = 'default'): Token => ({
  name,
  role,
  tenant,
  sha256: digestOf(`secret-${name}`).slice('sha256:'.length),
});
const all: Permission[] = [
  'read',
  'inspect',
  'predict',
  'publish',
  'operate',
  'approve',
  'audit',
  'administer',
];
const caller = (name: string, role: Role) => ({ name, tenant: 'default', role });
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

test.each<[Role, Permission[]]>([
  ['viewer', ['read', 'inspect']],
  ['client', ['read', 'predict', 'publish']],
  ['operator', ['read', 'inspect', 'predict', 'publish', 'operate']],
  ['approver', ['read', 'inspect', 'approve']],
  ['auditor', ['read', 'inspect', 'audit']],
  ['admin', all],
])('the role %s may %j and nothing else', (role, mays) => {
  for (const needs of all) {
    const asked = () => allow(caller('desk', role), needs);
    if (mays.includes(needs)) asked();
    else expect(asked).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  }
});

test('a client sends rows as itself alone', () => {
  expect(producerFor(caller('desk', 'client'), undefined)).toBe('desk');
  expect(() => producerFor(caller('desk', 'client'), 'garden')).toThrow(
    expect.objectContaining({ code: 'PRODUCER_FORBIDDEN', field: 'producer' }),
  );
  expect(producerFor(caller('root', 'admin'), 'garden')).toBe('garden');
});

test('a wrong tokens file is refused with the place of the mistake', () => {
  expect(parseTokens(JSON.stringify({ tokens }))).toEqual(tokens);
  expect(() => parseTokens('{"tokens":[{"name":"a","tenant":"t","sha256":"xyz","role":"admin"}]}')).toThrow(
    /tokens\[0\]\.sha256/,
  );
});
