import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PredictionBatchSchema, PredictionSchema } from '../src/mod.js';
import { isRequest, readPredictions } from '../src/predictions.js';

const text = (value: string) => new TextEncoder().encode(value);
const one = create(PredictionSchema, { predictionId: 'p1', system: 'heat', status: 'OK' });
const batch = create(PredictionBatchSchema, { predictions: [one, { ...one, predictionId: 'p2' }] });

test('a batch is read in both encodings, and a lone prediction as messages were before batches', () => {
  for (const data of [
    text(toJsonString(PredictionBatchSchema, batch)),
    toBinary(PredictionBatchSchema, batch),
  ])
    expect(readPredictions(data)).toEqual({ predictions: batch.predictions, malformed: 0 });
  expect(readPredictions(text(toJsonString(PredictionSchema, one))).predictions).toEqual([one]);
});

test.each([
  ['no JSON', '{"predictions": ['],
  ['no list', '{"predictions": 5}'],
  ['no prediction', '{}'],
  ['something else', 'x'],
])('%s is malformed and throws nothing', (_what, body) => {
  expect(readPredictions(text(body))).toEqual({ predictions: [], malformed: 1 });
});

test('what cannot be read, or names no system, takes none of its neighbours with it', () => {
  const json = { predictionId: 'p1', system: 'heat', status: 'OK' };
  const body = { predictions: [null, { ...json, epoch: 'x' }, json, { ...json, system: '' }] };
  expect(readPredictions(text(JSON.stringify(body)))).toEqual({ predictions: [one], malformed: 3 });
});

test('an event that only carries a count stands for no request', () => {
  const count = create(PredictionSchema, { predictionId: 'p1', system: 'heat', notCaptured: 3n });
  expect([one, count, { ...one, notCaptured: 3n }].map(isRequest)).toEqual([true, false, true]);
});
