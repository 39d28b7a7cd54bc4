import { fromJsonString, type JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CaptureLevel, PredictionSchema, type Route, RouteRole } from '@perennial/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timeJson } from '../../src/capture/plain-json.js';
import { gatewayLimits } from '../../src/limits.js';
import { Recording } from '../../src/recording.js';

const receivedAtMs = Date.UTC(2024, 2, 1, 6, 0, 0, 123);
const route = (version: number, role = RouteRole.CHAMPION) => ({ version, role }) as Route;

function recording(features: JsonObject, rows = 1): Recording {
  const one = new Recording({
    predictionId: '018e0000-0000-7000-8000-000000000000',
    system: 'heat',
    transport: 'http/v1',
    receivedAtMs,
    caller: 'desk "1"',
  });
  const row = { eventTimeMs: receivedAtMs - 5, key: { station: 'A' }, features, provided: ['a'] };
  one.keep(Array.from({ length: rows }, () => row));
  return one;
}

const read = (one: Recording, notCaptured = 0) => fromJsonString(PredictionSchema, one.body(notCaptured));

test('everything that was gathered is read back as the contract has it', () => {
  const one = recording({ a: 1.5, b: null, c: true, d: 'é "x"', e: -0.1e-7 });
  one.epoch = 2n ** 60n;
  one.answered(route(3), [0.25], 0.5);
  one.said.push({
    role: RouteRole.SHADOW,
    version: 4,
    values: [],
    served: false,
    error: 'MODEL_RUN_FAILED',
    propensity: 0,
  });
  one.ran = { outputs: [], replica: 'edge', queueUs: 12.4, computeUs: 99.6, batchId: 'b7', batchRows: 9 };
  one.isCached = true;
  one.isImported = true;
  one.end('OK');
  const event = read(one, 7);
  expect(event).toMatchObject({
    system: 'heat',
    deployment: 'heat',
    epoch: 2n ** 60n,
    transport: 'http/v1',
    status: 'OK',
    rowCount: 1,
    caller: 'desk "1"',
    capture: CaptureLevel.FULL,
    notCaptured: 7n,
    replica: 'edge',
    batchId: 'b7',
    batchRows: 9,
    cached: true,
    queueUs: 12,
    computeUs: 100,
    imported: true,
  });
  expect(event.durationMs).toBe(one.durationMs);
  expect(event.receivedAt && timestampMs(event.receivedAt)).toBe(receivedAtMs);
  const [row] = event.rows;
  expect(row?.eventTime && timestampMs(row.eventTime)).toBe(receivedAtMs - 5);
  expect(row?.key).toEqual({ station: 'A' });
  expect(row?.features).toEqual({ a: 1.5, b: null, c: true, d: 'é "x"', e: -1e-8 });
  expect(row?.provided).toEqual(['a']);
  expect(row?.answers).toMatchObject([
    { role: RouteRole.CHAMPION, version: 3, value: 0.25, served: true, error: '', propensity: 0.5 },
    { role: RouteRole.SHADOW, version: 4, served: false, error: 'MODEL_RUN_FAILED' },
  ]);
  expect(row?.answers[1]?.value).toBeNaN();
});

test('an answer that is no number says so', () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const one = recording({ a: 1 }, 3);
  one.answered(route(1), values, 0);
  expect(read(one).rows.map(({ answers }) => answers[0]?.value)).toEqual(values);
});

// One row that a reader or its database refuses would take the other requests of its message with it.
test('what no reader could store is made harmless, and nothing throws', () => {
  const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000));
  const one = recording({
    a: JSON.parse('1e999'),
    b: 'a\u0000b',
    c: 'x\ud800y',
    d: deep,
    e: { x: 1 },
    f: '😀',
  });
  one.rows = one.rows.map((row) => ({ ...row, eventTimeMs: 8e15 }));
  one.end('FEATURE_INVALID');
  const [row] = read(one).rows;
  expect(row?.features).toEqual({
    a: null,
    b: 'a\ufffdb',
    c: 'x\ufffdy',
    d: '(a list)',
    e: '(an object)',
    f: '😀',
  });
  expect(row?.eventTime).toBeUndefined();
});

test('an event that would not fit a message keeps the first of its rows', () => {
  const one = recording({ note: 'x'.repeat(20_000) }, 32);
  one.end('OK');
  expect(Buffer.byteLength(one.body(0))).toBeLessThanOrEqual(gatewayLimits.predictionBytesMax);
  const { rows, rowCount } = read(one);
  expect([rows.length, rowCount]).toEqual([8, 32]);
});

test('metadata holds no values', () => {
  const one = recording({ a: 1 });
  one.level = CaptureLevel.METADATA;
  one.answered(route(1), [5], 1);
  one.end('OK');
  expect(read(one)).toMatchObject({ capture: CaptureLevel.METADATA, rowCount: 1, rows: [], status: 'OK' });
});

test('times are written as the platform writes them, to the millisecond', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => {
        expect(timeJson(date.getTime())).toBe(JSON.stringify(date));
      },
    ),
  );
  expect([timeJson(Date.UTC(10_000, 0, 1)), timeJson(Number.NaN), timeJson(-1e15)]).toEqual(['', '', '']);
});
