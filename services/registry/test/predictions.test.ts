import { create, type JsonObject, toBinary, toJson, toJsonString } from '@bufbuild/protobuf';
import {
  PredictionBatchSchema,
  PredictionSchema,
  predictionSubject,
  readPlainPredictions,
} from '@perennial/contracts';
import { expect, test } from 'vitest';
import { sortPredictions } from '../src/predictions.js';
import { prediction } from './decide/states.js';

const text = (value: string) => new TextEncoder().encode(value);
const one = prediction('one', 3, { 1: 'ok' });
const read = readPlainPredictions(text(toJsonString(PredictionSchema, one))).predictions[0];
const batch = create(PredictionBatchSchema, { predictions: [one, one] });
const message = (system: string, data: Uint8Array, tenant = 'default') => ({
  subject: predictionSubject(tenant, system),
  data,
});

test('only predictions of watched systems of the own tenant are read, in both encodings', () => {
  const { bySystem, malformed } = sortPredictions(
    'default',
    ['weather'],
    [
      message('weather', text(toJsonString(PredictionSchema, one))),
      message('weather', toBinary(PredictionBatchSchema, batch)),
      message('weather', text(toJsonString(PredictionBatchSchema, batch))),
      message('flights', text('not even read')),
      message('weather', text(toJsonString(PredictionSchema, one)), 'other'),
    ],
  );
  expect(bySystem.get('weather')).toEqual([read, read, read, read, read]);
  expect(bySystem.size).toBe(1);
  expect(malformed).toEqual([]);
});

test('a malformed prediction is set apart and its neighbours are kept', () => {
  const bad = [
    message('weather', text('{"epoch": [')),
    message('weather', text('{}')),
    message('weather', text('\xff')),
  ];
  const { bySystem, malformed } = sortPredictions(
    'default',
    ['weather'],
    [...bad, message('weather', text(toJsonString(PredictionSchema, one)))],
  );
  expect(malformed).toEqual(bad);
  expect(bySystem.get('weather')).toHaveLength(1);
});

test('one that cannot be read takes none of its batch with it, and a mere count stands for no request', () => {
  const json = toJson(PredictionSchema, one) as JsonObject;
  const counted = { predictionId: 'c', system: 'weather', deployment: 'weather', notCaptured: '7' };
  const body = JSON.stringify({ predictions: [{ epoch: 'no number' }, json, counted, { ...json, rows: 5 }] });
  const { bySystem, malformed } = sortPredictions('default', ['weather'], [message('weather', text(body))]);
  expect(bySystem.get('weather')).toEqual([read]);
  expect(malformed).toEqual([]);
});
