import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { GetProgressResponseSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { inHand, reached, watermarkOf } from '../../src/decide/settled.js';

test('everything that a service has in hand is counted', () => {
  const progress = create(GetProgressResponseSchema, {
    consumers: [{ stream: 'DATA', consumer: 'c', pending: 3n, unacknowledged: 2 }],
    outboxUnpublished: 4,
    work: [{ kind: 'runs', count: 1 }],
  });
  expect(inHand(progress)).toBe(10);
  expect(inHand(create(GetProgressResponseSchema))).toBe(0);
});

test('a watermark is reached when rows and labels both have got there', () => {
  const watermark = watermarkOf(
    create(GetProgressResponseSchema, {
      watermarks: [
        { source: 'weather', eventTime: timestampFromMs(Date.UTC(2012, 3, 2)) },
        { source: 'weather/labels', eventTime: timestampFromMs(Date.UTC(2012, 3, 1)) },
      ],
    }),
    'weather',
  );
  expect(watermark).toEqual({ rows: '2012-04-02', labels: '2012-04-01' });
  expect(reached(watermark, {})).toBe(true);
  expect(reached(watermark, { rows: '2012-04-02', labels: '2012-04-01' })).toBe(true);
  expect(reached(watermark, { labels: '2012-04-02' })).toBe(false);
  expect(reached({ rows: '', labels: '' }, { rows: '2012-04-01' })).toBe(false);
});
