import { invalid, notFound, PlatformError, unavailable } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { grpcStatusOf, httpStatusOf, openLog, problemOf } from '../src/mod.js';

test('a log line is one JSON object, whatever its fields are', () => {
  const lines: string[] = [];
  const log = openLog({ service: 'a', tenant: 't', level: 'info', write: (line) => lines.push(line) });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  log.debug('not shown');
  log.info('counted', { rows: 3n, error: invalid('X_INVALID', 'no', { internal: 'why' }) });
  log.warn('odd', { circle });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 'info',
      service: 'a',
      tenant: 't',
      message: 'counted',
      rows: '3',
      error: { code: 'X_INVALID', internal: 'why' },
    },
    { level: 'warn', message: 'odd' },
  ]);
  expect(lines.every((line) => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
});

test.each([
  [invalid('ROW_INVALID', ''), 400, 3],
  [notFound('MODEL_NOT_FOUND', ''), 404, 5],
  [new PlatformError('ARTIFACT_NOT_FOUND', 'dependency', 'after', ''), 503, 14],
  [invalid('UNAUTHENTICATED', ''), 401, 16],
  [invalid('FORBIDDEN', ''), 403, 7],
  [invalid('SYSTEM_CONFLICT', ''), 409, 9],
  [invalid('PROMOTION_HELD', ''), 409, 9],
  [unavailable('QUEUE_EXHAUSTED', ''), 429, 8],
  [unavailable('DATABASE_UNAVAILABLE', ''), 503, 14],
  [unavailable('DEADLINE_EXCEEDED', ''), 504, 4],
  [new PlatformError('INTERNAL', 'us', 'after', ''), 500, 13],
])('$code is HTTP %i and gRPC %i', (error, http, grpc) => {
  expect(httpStatusOf(error)).toBe(http);
  expect(grpcStatusOf(error)).toBe(grpc);
});

test('a problem names code and field, and nothing internal', () => {
  const error = invalid('ROW_INVALID', 'wind: no number', { field: 'wind', internal: 'hunter2' });
  expect(problemOf(error)).toEqual({
    type: 'urn:perennial:error:row-invalid',
    title: 'The request is wrong',
    status: 400,
    detail: 'wind: no number',
    code: 'ROW_INVALID',
    field: 'wind',
  });
});
