import { DecideDeadLetterRequestSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { type ControlRequest, messageOf } from '../../src/control/route.js';

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
