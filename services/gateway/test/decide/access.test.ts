import { expect, test } from 'vitest';
import { allow, allowRoute, type Permission, producerFor, type Role } from '../../src/decide/access.js';

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

const bounded = {
  ...caller('desk', 'operator'),
  scope: { systems: new Set(['heat']), sources: new Set(['meter']) },
};

test.each<[string, Record<string, string>]>([
  ['another system', { system: 'cold' }],
  ['a model of another name', { model: 'price' }],
  ['another source', { source: 'garden' }],
  ['its system and another source', { system: 'heat', source: 'garden' }],
  ['everything', {}],
])('whoever has a scope may not touch %s', (_, params) => {
  expect(() => allowRoute(bounded, { needs: 'read' }, params)).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN' }),
  );
});

test('a scope opens what it names, for what the role may, and routes that look after it themselves', () => {
  allowRoute(bounded, { needs: 'operate' }, { system: 'heat' });
  allowRoute(bounded, { needs: 'predict' }, { model: 'heat' });
  allowRoute(bounded, { needs: 'publish' }, { source: 'meter' });
  allowRoute(bounded, { needs: 'publish', checksScope: true }, {});
  expect(() => allowRoute(bounded, { needs: 'approve' }, { system: 'heat' })).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN' }),
  );
});
