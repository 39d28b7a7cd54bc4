import { DecideDeadLetterRequestSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { checkQuery } from '../../src/control/check-query.js';
import { askedBy, type ControlRequest, messageOf } from '../../src/control/route.js';

test('what the path and the token say wins over the body, under whichever of its names a field comes', () => {
  const text =
    '{"dead_letter_id":"a","deadLetterId":"other","decided_by":"a","decidedBy":"other","decision":"requeue","reason":"r"}';
  const request: ControlRequest = {
    caller: { name: 'me', tenant: 'default', role: 'admin' },
    params: {},
    query: {},
    text,
    header: () => undefined,
    signal: new AbortController().signal,
  };
  const fixed = { dead_letter_id: 'mine', decided_by: 'me' };
  const message = messageOf(DecideDeadLetterRequestSchema, request, fixed, ['decision', 'reason']);
  expect(message).toMatchObject({ deadLetterId: 'mine', decidedBy: 'me', decision: 'requeue', reason: 'r' });
});

test.each([
  ['admin', 'ann', 'ann'],
  ['admin', undefined, 'desk'],
  ['operator', 'ann', 'desk (ann)'],
  ['operator', 'desk', 'desk'],
  ['operator', undefined, 'desk'],
] as const)('for the audit trail %s desk that names %s is %s', (role, named, shown) => {
  const request: ControlRequest = {
    caller: { name: 'desk', tenant: 'default', role },
    params: {},
    query: {},
    text: JSON.stringify(named === undefined ? {} : { requested_by: named }),
    header: () => undefined,
    signal: new AbortController().signal,
  };
  expect(askedBy(request, 'requested_by')).toEqual({ requested_by: shown });
});

test.each([
  ['POST', '/v1/systems', { 'dry-run': 'yes' }, 'dry-run must be true or false, got "yes"'],
  ['POST', '/v1/systems', { dryrun: 'true' }, 'dryrun is not known here; there are dry-run'],
  [
    'GET',
    '/v1/quarantine',
    { sorce: 'meter' },
    'sorce is not known here; there are source, include_repaired',
  ],
  ['GET', '/v1/models', { constructor: '' }, 'constructor is not known here; this route takes no parameters'],
])('a query that %s %s does not understand is refused: %j', (method, path, query, message) => {
  expect(() => checkQuery(method, path, query)).toThrow(message);
});

test('a query that the description names is let through', () => {
  checkQuery('POST', '/v1/systems', { 'dry-run': 'true' });
  checkQuery('GET', '/v1/quarantine', { source: 'meter', include_repaired: 'false' });
  checkQuery('GET', '/v1/models', {});
});
