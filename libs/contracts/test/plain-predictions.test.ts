import {
  create,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toBinary,
  toJson,
  toJsonString,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { CaptureLevel, PredictionBatchSchema, PredictionSchema, RouteRole } from '../src/mod.js';
import { type PlainPrediction, readPlainPredictions } from '../src/plain-predictions.js';
import { isRequest } from '../src/predictions.js';

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const batchOf = (...predictions: unknown[]) => readPlainPredictions(bytes({ predictions }));

const told: MessageInitShape<typeof PredictionSchema> = {
  predictionId: 'p1',
  system: 'heat',
  deployment: 'heat',
  epoch: 7n,
  receivedAt: timestampFromMs(1_700_000_000_123),
  transport: 'http/v1',
  status: 'OK',
  rowCount: 2,
  capture: CaptureLevel.FULL,
  notCaptured: 4n,
  rows: [
    {
      eventTime: timestampFromMs(1_700_000_000_000),
      key: { place: 'here' },
      features: { warmth: 1.5, kind: 'a', open: true, gone: null },
      provided: ['warmth'],
      answers: [
        { role: RouteRole.CHAMPION, version: 3, value: 2.5, served: true, propensity: 0.5 },
        { role: RouteRole.SHADOW, version: 4, value: Number.NaN, error: 'MODEL_FAILED' },
      ],
    },
    { answers: [{ value: Number.POSITIVE_INFINITY }, { value: Number.NEGATIVE_INFINITY }] },
  ],
};
const message = create(PredictionSchema, told);

const plain: PlainPrediction = {
  predictionId: 'p1',
  system: 'heat',
  deployment: 'heat',
  epoch: 7,
  receivedAt: 1_700_000_000_123,
  status: 'OK',
  capture: CaptureLevel.FULL,
  notCaptured: 4,
  imported: false,
  rows: [
    {
      eventTime: 1_700_000_000_000,
      key: { place: 'here' },
      features: { warmth: 1.5, kind: 'a', open: true, gone: null },
      answers: [
        { role: RouteRole.CHAMPION, version: 3, value: 2.5, served: true, error: '', propensity: 0.5 },
        {
          role: RouteRole.SHADOW,
          version: 4,
          value: Number.NaN,
          served: false,
          error: 'MODEL_FAILED',
          propensity: 0,
        },
      ],
    },
    {
      eventTime: undefined,
      key: {},
      features: {},
      answers: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => ({
        role: RouteRole.UNSPECIFIED,
        version: 0,
        value,
        served: false,
        error: '',
        propensity: 0,
      })),
    },
  ],
};

test('the same comes of a batch in both encodings, and of a lone prediction', () => {
  const batch = create(PredictionBatchSchema, { predictions: [message, { ...message, predictionId: 'p2' }] });
  const expected = { predictions: [plain, { ...plain, predictionId: 'p2' }], malformed: 0 };
  expect(readPlainPredictions(bytes(toJson(PredictionBatchSchema, batch)))).toEqual(expected);
  expect(readPlainPredictions(toBinary(PredictionBatchSchema, batch))).toEqual(expected);
  const lone = new TextEncoder().encode(toJsonString(PredictionSchema, message));
  expect(readPlainPredictions(lone).predictions).toEqual([plain]);
});

const id = { predictionId: 'p1', system: 'heat' };
const bare = readPlainPredictions(bytes(id)).predictions[0];

test.each([
  [
    'numbers as text, and text as numbers',
    { epoch: 7, rows: [{ answers: [{ value: '2.5', version: '3' }] }] },
  ],
  ['nothing as null', { status: null, epoch: null, rows: null, receivedAt: null, imported: null }],
  ['values of enumerations as numbers', { capture: 2, rows: [{ answers: [{ role: 1 }] }] }],
  ['a time with an offset and microseconds', { receivedAt: '2024-03-01T06:00:00.123456+01:00' }],
  ['a capture level that is not there', { capture: 'EVERYTHING' }],
  ['an epoch beyond what a double counts', { epoch: '18446744073709551615' }],
])('%s: read as protobuf reads it', (_what, fields) => {
  const read = fromJson(PredictionSchema, { ...id, ...fields } as JsonValue, { ignoreUnknownFields: true });
  const binary = toBinary(PredictionBatchSchema, create(PredictionBatchSchema, { predictions: [read] }));
  expect(batchOf({ ...id, ...fields })).toEqual(readPlainPredictions(binary));
  expect(batchOf({ ...id, ...fields }).malformed).toBe(0);
});

test.each([
  ['a status that is none', { status: 5 }],
  ['an epoch that is no number', { epoch: 'x' }],
  ['a time that is none', { receivedAt: 'yesterday' }],
  ['rows that are no list', { rows: 5 }],
  ['a row that is none', { rows: [7] }],
  ['a key that is a list', { rows: [{ key: [] }] }],
  ['features that are text', { rows: [{ features: 'x' }] }],
  ['a broken version', { rows: [{ answers: [{ version: 1.5 }] }] }],
  ['a negative version', { rows: [{ answers: [{ version: -1 }] }] }],
  ['a value that is no number', { rows: [{ answers: [{ value: 'much' }] }] }],
  ['no id', { predictionId: '' }],
  ['no system', { system: '' }],
])('%s is malformed, and its neighbours are read', (_what, fields) => {
  expect(batchOf(id, { ...id, ...fields }, id)).toEqual({ predictions: [bare, bare], malformed: 1 });
});

test('what is no message of predictions throws nothing', () => {
  for (const text of ['{"predictions": [', '{"predictions": 5}', '{}', 'x', ''])
    expect(readPlainPredictions(new TextEncoder().encode(text)).predictions).toEqual([]);
  expect(batchOf(null, [], 5, id)).toEqual({ predictions: [bare], malformed: 3 });
});

test('an event that only carries a count stands for no request', () => {
  expect(isRequest({ status: '', notCaptured: 3 })).toBe(false);
  expect(isRequest({ status: '', notCaptured: 0 })).toBe(true);
});
